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
    mutant: 'a turn goes before the results that it follows',
    why: 'The model is asked once no result is due any more: a turn that is ready never meets one.',
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
    mutant: 'a nudge that is no mistake counts as one',
    why: 'A nudge about equal calls is a mistake anyway.',
  },
  {
    mutant: 'what a task that was deleted has left is part of an outcome',
    why: 'Behind what an earlier task left there is nothing to list: it spares asking.',
  },
  {
    mutant: 'a load goes on although the lease was lost meanwhile',
    why: 'A renewal is known to have landed by the head alone, and a head that holds its write id holds its epoch.',
  },
  {
    mutant: 'a document without foreign completions is searched for them with every entry',
    why: 'It spares a search that finds nothing.',
  },
  {
    mutant: 'a document that needed no write is rolled up again',
    why: 'It spares a roll-up that changes nothing.',
  },
  {
    mutant: 'a document that shows all progress is forgotten with the next entry',
    why: 'It spares a roll-up that changes nothing.',
  },
  {
    mutant: 'a document that was written without its roll-up counts as showing all progress',
    why: 'Only a plan that is reopened is written without a roll-up, and that shows all progress there is.',
  },
  {
    mutant: 'a document that was written counts as showing all progress',
    why: 'Only a plan that is reopened is written without a roll-up, and that shows all progress there is.',
  },
  {
    mutant: 'what an entry makes superfluous of answers is kept',
    why: 'Nobody asks for them any more: they take room and nothing else.',
  },
  {
    mutant: 'a release may take longer than the end of the run allows',
    why: 'The deadline of the ending itself ends the run in the same moment.',
  },
  {
    mutant: 'what a restored task looks like is not known afterwards',
    why: 'The run is over with the reply, whatever a look shows meanwhile.',
  },
  {
    mutant: 'an end that could not be stored is taken for a lease that is held',
    why: 'What is on its way for an end is given up in the same moment, and that is told first.',
  },
  {
    mutant: 'a command that only begins a task looks at it all the time',
    why: 'The desk itself declines to look for such a run.',
  },
  {
    mutant: 'a look that goes on with all that may be held reads nothing',
    why: 'What is held is journaled before more may be held, whether it is read anew or not.',
  },
  {
    mutant: 'an inbox that was read up to what may be held counts as read to its end',
    why: 'What is held keeps everything from being finished, and the look after it begins again.',
  },
  {
    mutant: 'a text that a fact has saved is written once more',
    why: 'Nothing is written while nothing streams, and with the next attempt that is set anew.',
  },
  {
    mutant: 'the time between deltas moves no wall clock',
    why: 'The next input brings the time of the wall clock, and ages go by the clock that says more.',
  },
  {
    mutant: 'what waits for a callback counts as known where results go ahead',
    why: 'What others completed is shown by the document already, and a message shows in no summary.',
  },
  {
    mutant: 'the plan of a task that has not begun is rolled up',
    why: 'Before the beginning only an old history is stored that does not fit beside it, and the beginning rolls up.',
  },
  {
    mutant: 'replace match guard self.nothing_is_open() with true in Run::take_up',
    file: 'src/machine/run/taking_up.rs',
    why: 'What a restore would be composed of is asked again before it is sent: with an item open the run resumes there.',
  },
  {
    mutant: 'replace > with >= in Head::read',
    file: 'src/storage/head.rs',
    why: 'The number in question is dealt with by the arm before.',
  },
  {
    mutant: 'replace < with <= in Loader::may_lag',
    file: 'src/storage/loader.rs',
    why: 'Whether a listing that comes in the very millisecond of the deadline is the last is promised to nobody.',
  },
  {
    mutant: 'replace < with <= in Again::or_unknown',
    file: 'src/storage/writer.rs',
    why: 'Whether an attempt begins in the very millisecond of the deadline, to be given up in it, is promised to nobody.',
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
    mutant: 'replace < with <= in order',
    file: 'src/sorted.rs',
    line: 'while run < len {',
    why: 'A run as long as the list is merged with nothing, which leaves it as it is.',
  },
  {
    mutant: 'replace <impl Machine for Script>::may_run -> bool with true',
    file: 'src/command/script.rs',
    line: 'false',
    why: 'A command asks for no tool to be run, so that nobody asks whether one may be.',
  },
  {
    mutant: 'replace | with ^ in append',
    file: 'src/converse/base64.rs',
    line: 'bits = bits << 6 | value(digit);',
    why: 'The six bits that a digit fills are empty before.',
  },
  {
    mutant: 'replace Desk::is_adopted -> bool with false',
    file: 'src/machine/desk.rs',
    why: 'It spares a search that finds nothing: under one version of the document only the journal completes more.',
    line: 'self.adopted.as_ref() == Some(&self.version)',
  },
  {
    mutant: 'replace Desk::adopt with ()',
    file: 'src/machine/desk.rs',
    why: 'It spares a search that finds nothing: under one version of the document only the journal completes more.',
    line: 'self.adopted = Some(self.version.clone());',
  },
  {
    mutant: 'replace Desk::shows_progress with ()',
    file: 'src/machine/desk.rs',
    why: 'It spares a roll-up that changes nothing.',
    line: 'self.rolled_up = version.or(self.rolled_up.take());',
  },
  {
    mutant: 'replace match guard around.writes_task with false in Desk::handle',
    file: 'src/machine/desk.rs',
    why: 'It shows the version that the run has or the one that its own write makes, or one of others: whatever is stored next depends on the version.',
    line: 'Some(Ok(_)) if around.writes_task => self.changed = true,',
  },
];
