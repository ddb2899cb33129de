/** The command's exit codes; `--help` says them too. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

/** Ends the command with a message for people instead of a stack. */
export class Quit extends Error {
  constructor(
    message: string,
    readonly exitCode: number = exitCodes.failed,
  ) {
    super(message);
  }
}
