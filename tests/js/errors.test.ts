import { describe, expect, it, vi } from 'vitest';
import { TaskExecutionError } from '../../js/errors.js';

describe('a TaskExecutionError', () => {
  it('is an Error that carries code, details, retryable and cause', () => {
    const cause = new TypeError('inner');
    const error = new TaskExecutionError('LEASE_HELD', 'held by another', { details: { owner: 'o' }, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'TaskExecutionError',
      code: 'LEASE_HELD',
      message: 'held by another',
      details: { owner: 'o' },
      retryable: true,
    });
    expect(error.cause).toBe(cause);
    expect(new TaskExecutionError('TASK_NOT_FOUND', 'none').retryable).toBe(false);
    expect(new TaskExecutionError('LEASE_HELD', 'held', { retryable: false }).retryable).toBe(false);
  });

  it('becomes JSON without its cause and stack', () => {
    const error = new TaskExecutionError('MODEL_DENIED', 'no access', { cause: new Error('secret') });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'TaskExecutionError',
      code: 'MODEL_DENIED',
      message: 'no access',
      retryable: false,
      details: {},
    });
  });

  it('is recognised by another copy of the package', async () => {
    vi.resetModules();
    const copy = await import('../../js/errors.js');
    expect(copy.TaskExecutionError).not.toBe(TaskExecutionError);
    const error = new copy.TaskExecutionError('ENGINE_PANIC', 'at x.rs:1');
    expect(error instanceof TaskExecutionError).toBe(true);
    expect(TaskExecutionError.is(error)).toBe(true);
  });

  it('is told from everything else, hostile values included', () => {
    const trap = new Proxy(
      {},
      {
        get() {
          throw new Error('trap');
        },
      },
    );
    for (const value of [undefined, null, 'x', {}, new Error('x'), trap]) {
      expect(TaskExecutionError.is(value)).toBe(false);
    }
  });

  it('is no instance of a subclass that it was not made by', () => {
    class Mine extends TaskExecutionError {}
    expect(new TaskExecutionError('TOO_LARGE', 'x') instanceof Mine).toBe(false);
    expect(new Mine('TOO_LARGE', 'x') instanceof Mine).toBe(true);
    expect(new Mine('TOO_LARGE', 'x') instanceof TaskExecutionError).toBe(true);
  });
});
