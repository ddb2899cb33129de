const givenUp = 'src/machine/turn/given_up.rs';
const said = 'src/machine/compose/call_facts.rs';
const fold = 'src/facts/fold.rs';
const live = 'src/facts/live.rs';
const loader = 'src/storage/loader.rs';
const compose = 'src/machine/compose.rs';
const turn = 'src/machine/turn.rs';
const shorten = 'src/converse/shorten.rs';
const unsupported = 'src/converse/unsupported.rs';

export default [
  {
    name: 'a queued call starts beside an exclusive one',
    file: said,
    find: 'self.free > 0 && !self.alone &&',
    replace: 'self.free > 0 &&',
  },
  {
    name: 'an exclusive call starts beside those before it',
    file: said,
    find: ' && !(exclusive && self.some_open);',
    replace: ' && (!exclusive || self.free > 0);',
  },
  {
    name: 'parallelTools counts settled calls',
    file: said,
    find: 'filter(|call| call.state == CallState::Started).count();',
    replace: 'filter(|call| call.state == CallState::Started || !call.open()).count();',
  },
  {
    name: 'parallelTools does not count the calls that run already',
    file: said,
    find: 'filter(|call| call.state == CallState::Started).count();',
    replace: 'filter(|call| call.state == CallState::Started && call.attempts > 1_000).count();',
  },
  {
    name: 'what a guardrail blocked is masked only live and not at a resume',
    file: loader,
    find: 'self.facts.apply(entry)?;',
    replace:
      'let mut entry = entry.clone();\n        entry.facts.retain(|f| !matches!(f, crate::facts::fact::Fact::Redacted));\n        self.facts.apply(&entry)?;',
  },
  {
    name: 'the entry does not say that its turn was blocked',
    file: compose,
    find: 'draft.add(Fact::Redacted);',
    replace: '',
  },
  {
    name: 'of what was blocked the answer stays in the request',
    file: fold,
    find: 'if self.live.masked { vec',
    replace: 'if self.live.masked && self.seq > 1_000_000 { vec',
  },
  {
    name: 'of what was blocked the words to the model stay in the request',
    file: live,
    find: 'if !self.texts.is_empty() {\n            self.texts = vec![Rc::new(request::text(MASK))];\n        }',
    replace: '',
  },
  {
    name: 'an item is not stated again whose words were masked',
    file: fold,
    find: 'self.statement = None;\n                }\n            }\n            Fact::Withheld',
    replace: '}\n            }\n            Fact::Withheld',
  },
  {
    name: 'what is blocked the second time stays where it is',
    file: givenUp,
    find: 'if held < 2 {',
    replace: 'if held < 1_000 {',
  },
  {
    name: 'a cut does not get smaller',
    file: shorten,
    find: 'if size(&cut) < whole {',
    replace: 'if size(&cut) < whole || whole > 0 {',
  },
  {
    name: 'a cut loses the end of a text',
    file: shorten,
    find: 'from = text.len() - most * 2 / 5;',
    replace: 'from = text.len();',
  },
  {
    name: 'what is shorter than the cut is cut too',
    file: live,
    find: 'if shorten::size(&result.content) > most {',
    replace: 'if shorten::size(&result.content) > most / 1_000 {',
  },
  {
    name: 'the whole result goes to the model again after its cut',
    file: live,
    find: 'result.content = Rc::new(shorten::shortened(&result.content, most));',
    replace: 'let _ = shorten::shortened(&result.content, most);',
  },
  {
    name: 'reasoning’s author is not recorded',
    file: fold,
    find: 'self.ops.push(RequestOp::Author(self.author.clone()));',
    replace: '',
  },
  {
    name: 'what others saved counts as written by the last model',
    file: fold,
    find: 'Fact::Saved { message } => {\n                self.writes(None);',
    replace: 'Fact::Saved { message } => {',
  },
  {
    name: 'the client’s own model is nobody',
    file: 'src/machine/turn/mirror.rs',
    find: 'model.clone().or_else(|| model_of_client.map(str::to_owned));',
    replace: 'model.clone();\n            let _ = model_of_client;',
  },
  {
    name: 'a withheld block is journaled twice',
    file: givenUp,
    find: 'never.filter(|block| !facts.withholds(model, block));',
    replace: 'never;',
  },
  {
    name: 'what one model refuses is kept from all',
    file: fold,
    find: 'refuses.as_deref() == model && kind == block',
    replace: '(refuses.as_deref() == model || refuses.is_some()) && kind == block',
  },
  {
    name: 'one image that is broken has all images left out',
    file: unsupported,
    find: 'any(&words, &REFUSALS) && !about_one;',
    replace: 'any(&words, &REFUSALS) && (!about_one || words.len() > 1);',
  },
  {
    name: 'usage of a turn that no commit can hold is forgotten',
    file: turn,
    find: 'State::Ready(ready) => self.spent += ready.usage,',
    replace: 'State::Ready(_) => {}',
  },
];
