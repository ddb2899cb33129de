/** A value that JSON does not have, as the database that holds it writes it. Only stores make these. */
export class Kept {
  constructor(
    /** The value in the database's own form. */
    readonly native: unknown,
    /** The same as everybody else sees it. */
    readonly plain: unknown,
    /** Whether it is a point in time, which another one may take the place of. */
    readonly isTime: boolean,
  ) {}
}
