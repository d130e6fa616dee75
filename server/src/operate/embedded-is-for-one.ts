/** Advice for commands that find the embedded database in use. */
export const embeddedIsForOne =
  'The embedded database allows only one process: stop the service, run the command, start the service.';
