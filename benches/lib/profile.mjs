import { Session } from 'node:inspector';

/** How often the profiler looks: microseconds. */
const interval = 100;

/**
 * V8's CPU profiler between two moments. `stop` returns microseconds on the CPU, added up by what `kindOf` says of each
 * function's URL. Both act at once: a session within its own process answers before `post` returns.
 */
export class Profile {
  #session = new Session();

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.setSamplingInterval', { interval });
  }

  start() {
    this.#post('Profiler.start');
  }

  stop(kindOf) {
    const { profile } = this.#post('Profiler.stop');
    this.#session.disconnect();
    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    const spent = {};
    profile.samples.forEach((id, n) => {
      const { functionName, url } = frames.get(id);
      if (functionName === '(idle)') return;
      const kind = kindOf(url, functionName, profile.timeDeltas[n]);
      spent[kind] = (spent[kind] ?? 0) + profile.timeDeltas[n];
    });
    return spent;
  }

  #post(method, parameters) {
    let answer;
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  }
}
