const mirror = 'src/machine/turn/mirror.rs';
const transcript = 'src/converse/transcript.rs';
const repair = 'src/converse/repair.rs';
const request = 'src/converse/request.rs';
const validity = 'src/converse/validity.rs';

export default [
  {
    name: 'blank texts are sent to the model',
    file: transcript,
    find: 'filter(|block| !text_of(block).is_some_and(is_blank)).collect();',
    replace: 'filter(|block| !text_of(block).is_some_and(str::is_empty)).collect();',
  },
  {
    name: 'what has not changed is sent again',
    file: transcript,
    find: 'if content.is_empty() || content == self.tail {',
    replace: 'if content.is_empty() {',
  },
  {
    name: 'results stand behind texts',
    file: transcript,
    find: '.cloned().partition(|block| block.get("toolResult").is_some());',
    replace: '.cloned().partition(|block| block.get("toolResult").is_none());',
  },
  {
    name: 'a changed tail is a message of its own',
    file: transcript,
    find: 'if !self.ends_with_user() {\n            return self.push("user", content);\n        }\n        if let',
    replace:
      'if !self.ends_with_user() || !content.is_empty() {\n            return self.push("user", content);\n        }\n        if let',
  },
  {
    name: 'an assistant turn keeps the user’s tail for the next message',
    file: transcript,
    find: 'self.fixed.clear();\n        self.tail.clear();\n        self.push("assistant", content)',
    replace: 'self.fixed.clear();\n        self.push("assistant", content)',
  },
  {
    name: 'a trim parts uses from their results',
    file: transcript,
    find: 'if index > 0 && (message.assistant || !message.has_results) {',
    replace: 'if index > 0 {',
  },
  {
    name: 'a trim does not repeat the statement of the item',
    file: transcript,
    find: 'marker(left_out, repeats.then_some(statement))',
    replace: 'marker(left_out, repeats.then_some(statement).filter(|_| false))',
  },
  {
    name: 'a trim always repeats the statement of the item',
    file: transcript,
    find: 'let repeats = stated_at.is_none_or(|at| at < index);',
    replace: 'let repeats = stated_at.is_none_or(|at| at < index || at >= index);',
  },
  {
    name: 'a trim may make the request larger',
    file: transcript,
    find: 'if size < self.bytes {',
    replace: 'if size < self.bytes * 2 {',
  },
  {
    name: 'a trim leaves out one pair at a time',
    file: transcript,
    find: 'if size <= enough {',
    replace: 'if size <= enough.max(self.bytes) {',
  },
  {
    name: 'earlier trims are forgotten in the count',
    file: transcript,
    find: 'let left_out = self.left_out + self.counted(index);',
    replace: 'let left_out = self.counted(index);',
  },
  {
    name: 'two assistant messages in a row are imported as they are',
    file: transcript,
    find: 'if !self.ends_with_user() {\n            ops.push',
    replace: 'if !self.ends_with_user() && self.is_empty() {\n            ops.push',
  },
  {
    name: 'old uses without a result stay open',
    file: repair,
    find: 'Some(_) => self.close(),',
    replace: 'Some(_) => {}',
  },
  {
    name: 'old uses at the end stay open',
    file: repair,
    find: 'fn finish(mut self) -> Repaired {\n        self.close();',
    replace: 'fn finish(mut self) -> Repaired {',
  },
  {
    name: 'an old conversation may end with the user',
    file: repair,
    find: 'if self.ends_with_user() {\n            self.put',
    replace: 'if self.ends_with_user() && self.messages.len() > 1_000 {\n            self.put',
  },
  {
    name: 'an old conversation may begin with the assistant',
    file: repair,
    find: 'self.put(false, Vec::new(), vec![text(MISSING)]);',
    replace: '',
  },
  {
    name: 'old ids may repeat',
    file: repair,
    find: 'while !self.ids.insert(&id, ()) {',
    replace: 'while !self.ids.insert(&id, ()) && self.renamed > 1_000_000 {',
  },
  {
    name: 'an old result answers a use twice',
    file: repair,
    find: 'let id = open.pop_front();',
    replace: 'let id = open.front().cloned();',
  },
  {
    name: 'an old document stands without a text',
    file: repair,
    find: 'if has(&blocks, "document") && !has(&blocks, "text") {',
    replace: 'if has(&blocks, "document") && !has(&blocks, "text") && blocks.is_empty() {',
  },
  {
    name: 'an old turn of nothing but reasoning is kept',
    file: repair,
    find: 'if mere_reasoning {',
    replace: 'if mere_reasoning && parts.is_empty() {',
  },
  {
    name: 'white space stays at the end of an old turn',
    file: repair,
    find: 'last.truncate(last.trim_end().len());',
    replace: 'let _ = last;',
  },
  {
    name: 'an empty result is sent empty',
    file: request,
    find: 'if content.is_empty() { vec![text(NO_OUTPUT)] } else { content }',
    replace: 'content',
  },
  {
    name: 'a blank string of a tool is sent blank',
    file: request,
    find: 'Value::String(words) if is_blank(words) => text(NO_OUTPUT),',
    replace: '',
  },
  {
    name: 'a history with tools is sent without a toolConfig where no tool is configured',
    file: request,
    find: 'names.into_iter().map(|name| spec(name, GONE, &Value::Null)).collect()',
    replace: 'names.into_iter().take(0).map(|name| spec(name, GONE, &Value::Null)).collect()',
  },
  {
    name: 'the tools are sent once, though their names grow',
    file: mirror,
    find: 'if !self.tools_sent || tools.is_empty() {',
    replace: 'if !self.tools_sent {',
  },
  {
    name: 'a changed system prompt does not reach the model',
    file: mirror,
    find: 'if self.system.as_ref() != Some(&system) {',
    replace: 'if self.system.is_none() {',
  },
  {
    name: 'a changed model is not asked',
    file: mirror,
    find: 'if self.model.as_ref() != Some(&model) {',
    replace: 'if self.model.is_none() {',
  },
  {
    name: 'the model is not told of complete_task_item',
    file: mirror,
    find: 'specs.extend(own);',
    replace: 'let _ = own;',
  },
  {
    name: 'what waits for the model is not sent to it',
    file: 'src/machine/run/conversing.rs',
    find: 'self.facts.push_tail();\n        if let',
    replace: 'if let',
  },
  {
    name: 'a request may begin with the assistant',
    file: validity,
    find: 'None if summary.assistant => {',
    replace: 'None if summary.assistant && at > 0 => {',
  },
  {
    name: 'a request may have two messages of a role in a row',
    file: validity,
    find: 'Some(last) if last.assistant == summary.assistant => {',
    replace: 'Some(last) if last.assistant == summary.assistant && at > 1_000_000 => {',
  },
  {
    name: 'a use may stay without a result',
    file: validity,
    find: 'if summary.assistant {\n            self.answered()?;\n        } else',
    replace: 'if summary.assistant {\n        } else',
  },
  {
    name: 'the last use of a request may stay without a result',
    file: validity,
    find: 'self.answered()?;\n        if self.tool_blocks',
    replace: 'if self.tool_blocks',
  },
  {
    name: 'a result may answer no use',
    file: validity,
    find: 'answers(self.messages.back(), &summary).map_err(fail)?;',
    replace: '',
  },
  {
    name: 'an id may occur twice in a request',
    file: validity,
    find: 'summary.ids.iter().find(|id| self.ids.get(id) == Some(&true))',
    replace: 'summary.ids.iter().find(|id| self.ids.get(id) == Some(&true) && id.is_empty())',
  },
  {
    name: 'tool blocks may stand without a toolConfig',
    file: validity,
    find: 'if self.tool_blocks > 0 && !self.tools {',
    replace: 'if self.tool_blocks > 1_000_000 && !self.tools {',
  },
  {
    name: 'a request may have any number of cache points',
    file: validity,
    find: 'const MAX_CACHE_POINTS: usize = 4;',
    replace: 'const MAX_CACHE_POINTS: usize = 400;',
  },
  {
    name: 'an assistant message may be replaced',
    file: validity,
    find: 'Some(old) if old.assistant => {',
    replace: 'Some(old) if old.assistant && index > 1_000_000 => {',
  },
];
