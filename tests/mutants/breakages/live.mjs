const live = 'src/machine/live_text.rs';
const read = 'src/command/live.rs';

export default [
  {
    name: 'live text is stored although nothing has changed',
    file: live,
    find: '|| !self.changed ||',
    replace: '|| false ||',
  },
  {
    name: 'live text is stored under a lease that may be lost',
    file: 'src/machine/run/conversing.rs',
    find: 'let may_write = self.turn.is_streaming() && self.may_start(ctx);',
    replace: 'let may_write = self.turn.is_streaming();',
  },
  {
    name: 'a second write of live text goes out before the first is answered',
    file: live,
    find: '|| self.sent.is_some() ||',
    replace: '|| false ||',
  },
  {
    name: 'a write of live text without a reply is waited for for ever',
    file: live,
    find: 'self.sent.take_if(|(_, until)| now >= *until)',
    replace: 'self.sent.take_if(|(_, until)| now >= *until + 1_000_000_000)',
  },
  {
    name: 'live text that was deleted is created again',
    file: live,
    find: '(LogLevel::Debug, Document::Gone)',
    replace: '(LogLevel::Debug, Document::Unknown)',
  },
  {
    name: 'text of an abandoned attempt stays',
    file: live,
    find: 'self.changed = self.shows_abandoned;',
    replace: 'self.changed = false;',
  },
  {
    name: 'the place of live text counts bytes',
    file: live,
    find: 'before.encode_utf16().count() as u64',
    replace: 'before.len() as u64',
  },
  {
    name: 'live text of another epoch is told',
    file: read,
    find: ' && number("epoch") == Some(head.epoch)',
    replace: '',
  },
  {
    name: 'live text of another history is told',
    file: read,
    find: 'text("history") == Some(&head.history) && ',
    replace: '',
  },
  {
    name: 'live text is told although its writer has died',
    file: read,
    find: 'if free || unsaved',
    replace: 'if unsaved',
  },
  {
    name: 'live text is told although its message is saved',
    file: read,
    find: 'Some(live).filter(|_| saved.is_none())',
    replace: 'Some(live)',
  },
];
