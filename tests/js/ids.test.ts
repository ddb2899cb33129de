import { describe, expect, it } from 'vitest';
import { checkId, checkTaskIds } from '../../js/ids.js';

describe('ids', () => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [42, 'number'],
    ['', 'empty'],
    ['a/b', 'slash'],
    ['a\ud800', 'surrogate'],
    ['\udc00', 'surrogate'],
    ['.', "'.'"],
    ['..', "'..'"],
    ['____', 'underscores'],
    ['__x\n__', 'underscores'],
    ['x'.repeat(1_501), '1,500'],
    ['ü'.repeat(751), '1,500'],
    ['a\0b', 'control'],
    ['a\n', 'control'],
    ['\u007f', 'control'],
    ['a\u0085b', 'control'],
  ])('that no path can hold are refused with the reason: %j', (id, reason) => {
    expect(() => checkId('messageId', id)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(new RegExp(`^messageId .*${reason.replace(/\./g, '\\.')}`)),
      }),
    );
  });

  it.each(['a', '___', '__x', '...', 'ünïcode', '😀', 'x'.repeat(1_500), 'a b'])(
    'that are unusual are taken: %j',
    (id) => {
      expect(() => checkTaskIds(id, id)).not.toThrow();
    },
  );

  it('of a task say which argument is wrong, and the order of both', () => {
    expect(() => checkTaskIds('t', '')).toThrow('userId is empty. The arguments are (taskId, userId).');
    expect(() => checkTaskIds(undefined, 'u')).toThrow(/^taskId must be a string/);
  });
});
