import { describe, expect, it } from 'vitest';
import { EventStreamParser, type ServerSentEvent } from '../../../js/client/sse.js';

function parsed(pieces: string[]): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const parser = new EventStreamParser((event) => events.push(event));
  for (const piece of pieces) parser.feed(piece);
  return events;
}

describe('an event stream', () => {
  const stream =
    '\uFEFFretry: 10\n:\n\nid: 1.0\r\nevent: a\r\ndata: one\r\ndata: two\r\n\r\nid: 2\r\rdata:three\ndata\n\n: comment\ndata:  four\n\ndata: unfinished';
  const events = [{ id: '1.0', data: 'one\ntwo' }, { id: '2' }, { data: 'three\n' }, { data: ' four' }];

  it('is read as the standard says', () => {
    expect(parsed([stream])).toEqual(events);
  });

  it('is read the same wherever it is cut', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      expect(parsed([stream.slice(0, cut), stream.slice(cut)])).toEqual(events);
    }
    expect(parsed([...stream])).toEqual(events);
  });

  it('tells how long to wait before coming back', () => {
    const parser = new EventStreamParser(() => {});
    parser.feed('retry: soon\nretry: 250\n\n');
    expect(parser.retryMs).toBe(250);
  });
});
