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
  {
    mutant: 'a run goes on with a lease that is known to be superseded',
    why: 'An acquisition is known to have landed by the head alone, and a head that holds its write id holds its epoch.',
  },
  {
    mutant: 'a call whose start was taken back is executed',
    why: 'A start is taken back only by the entry that ends the run, and nothing is executed after it.',
  },
  {
    mutant: 'results wait for the end of the grace',
    why: 'What becomes due while tools run are their results, and those go ahead of whatever has to be waited for.',
  },
  {
    mutant: 'the look while the model streamed counts for what its turn completes',
    why: 'A message is stored together with the task document: what completes without having seen it meets a conflict.',
  },
  {
    mutant: 'every commit takes the turn that became ready meanwhile for stored',
    why: 'No entry is sent while the model streams, so none is on its way when its turn becomes ready.',
  },
  {
    mutant: 'what a dropped turn has cost is counted again',
    why: 'What a dropped turn has cost is stored alone only with the end of the run.',
  },
  {
    mutant: 'the end of a run does not bound the commits that it sends',
    why: 'The deadline of the ending itself ends the run in the same moment, and aborts what is on its way.',
  },
  {
    mutant: 'the end of a run is tried to be stored without end',
    why: 'Every commit of an ending is given up at its deadline, which ends the run in the same moment.',
  },
  {
    mutant: 'a look that passed our own write of the task is believed',
    why: 'It shows either the version that the run has or the one that the run takes when its write has landed.',
  },
  {
    mutant: 'replace match guard self.nothing_is_open() with true in Run::take_up',
    file: 'src/machine/run.rs',
    why: 'What a restore would be composed of is asked again before it is sent: with an item open the run resumes there.',
  },
  {
    mutant: 'replace > with >= in Head::read',
    file: 'src/storage/head.rs',
    why: 'The number in question is dealt with by the arm before.',
  },
  {
    mutant: 'replace < with <= in Loader::handle',
    file: 'src/storage/loader.rs',
    why: 'Whether a listing that comes in the very millisecond of the deadline is the last is promised to nobody.',
  },
  {
    mutant: 'replace < with <= in Loader::broken',
    file: 'src/storage/loader.rs',
    why: 'Whether a listing that comes in the very millisecond of the deadline is the last is promised to nobody.',
  },
  {
    mutant: 'replace < with <= in Again::or_unknown',
    file: 'src/storage/writer.rs',
    why: 'Whether an attempt begins in the very millisecond of the deadline, to be given up in it, is promised to nobody.',
  },
  {
    mutant: 'replace > with >= in list',
    file: 'src/command/entries.rs',
    why: 'Entries are counted from one: to list after entry 0 is to list from the beginning.',
  },
  {
    mutant: 'replace match guard last == index with false in Assembly::text',
    file: 'src/converse/assembly.rs',
    why: 'It spares looking the block up, which finds the same one.',
  },
  {
    mutant: 'replace > with >= in Transcript::plan',
    file: 'src/converse/transcript.rs',
    line: 'if index > 0 && (message.assistant || !message.has_results) {',
    why: 'To leave nothing out adds the marker alone, and what does not make the request smaller is not planned.',
  },
  {
    mutant: 'delete match arm Fact::NotRun{tool_call_ids} in Calls::settle',
    file: 'src/machine/calls.rs',
    why: 'A start is taken back only by the entry that ends the run, and nothing is executed after it.',
  },
  {
    mutant: 'delete ! in Calls::settle',
    file: 'src/machine/calls.rs',
    why: 'A start is taken back only by the entry that ends the run, and nothing is executed after it.',
  },
  {
    mutant: 'delete match arm Fact::Stated{..} in Host::settle',
    file: 'src/machine/host.rs',
    why: 'The words are kept with the item that they are for, and a run states no item twice.',
  },
  {
    mutant: 'delete match arm Fact::Result{result} in Host::settle',
    file: 'src/machine/host.rs',
    why: 'The id of a settled call is none of a later one: what is still known of it takes room and nothing else.',
  },
];
