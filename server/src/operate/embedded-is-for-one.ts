/** What to do when a command finds the embedded database in use. */
export const embeddedIsForOne =
  'The embedded database has room for one process: stop the service, run the command, start it.';
