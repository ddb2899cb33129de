/**
 * Mutants that may survive: `why` nothing can tell them apart from the original, or what catches them `elsewhere`,
 * beyond the tests that are tried on mutants. `mutant` is the name that `npm run mutants -- --list` prints, without file
 * and number; `line` is the line on which the mutant starts.
 */
export default [
  {
    mutant: 'tools that a pause has aborted count as a clean end',
    why: 'What was aborted is of unknown outcome, and an end that leaves such outcomes is no clean one either way.',
  },
  {
    mutant: 'the words for one item are used for the next',
    why: 'The words are kept with the item that they are for, and a run states no item twice.',
  },
  {
    mutant: 'a turn goes before the results that it follows',
    why: 'The model is asked once no result is due any more: a turn that is ready never meets one.',
  },
  {
    mutant: 'the look before a model call counts for what follows its turn',
    why: 'The end of the turn asks for a new look itself.',
  },
];
