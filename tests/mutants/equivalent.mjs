/**
 * Mutants that may survive: `why` nothing can tell them apart from the original, or what catches them `elsewhere`,
 * beyond the tests that are tried on mutants. `mutant` is the name that `npm run mutants -- --list` prints, without file
 * and number; `line` is the line on which the mutant starts.
 */
export default [];
