/** Advice for commands that find the embedded database in use. */
export const embeddedIsForOne =
  'The embedded database has room for one process: stop the service, run the command, start it.';
