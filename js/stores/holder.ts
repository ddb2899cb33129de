import { readFileSync, readlinkSync } from 'node:fs';

/** The machine since it was started, where time since then counts the same for every process; undefined if unknown. */
export function bootId(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // a time namespace of its own has a monotonic clock of its own
    return `${boot}.${namespace('time')}`;
  } catch {
    // only Linux says it
    return undefined;
  }
}

function namespace(kind: string): string {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`).replace(/\D/g, '');
  } catch {
    // older kernels have fewer kinds
    return '0';
  }
}

/** When a process was started, in ticks since boot; null where it has ended, undefined where it cannot be seen. */
function startOf(pid: string): string | null | undefined {
  try {
    // the name, in parentheses, can contain anything
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : fields[19];
  } catch {
    return undefined;
  }
}

function mayLive(pid: string): boolean {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ESRCH';
  }
}

/** The process that an id of `processHolder` stands for. */
export function pidOf(holderId: unknown): string | undefined {
  return typeof holderId === 'string' ? holderId.split(':')[2] : undefined;
}

/**
 * Who this process is, for stores whose users are all on one host: boot, pid namespace, pid and start time. Undefined
 * where the system does not tell (anything but Linux): leases are then waited out.
 */
export function processHolder(): { readonly id: string; alive(id: string): boolean } | undefined {
  const boot = bootId();
  const own = startOf('self');
  if (boot === undefined || !own) {
    return undefined;
  }
  const pids = namespace('pid');
  return {
    id: [boot, pids, process.pid, own].join(':'),
    alive(id) {
      const [theirBoot, theirPids, pid, start, ...rest] = id.split(':');
      if (!pid || !/^\d+$/.test(pid) || !start || rest.length > 0) {
        return true;
      }
      if (theirBoot?.split('.')[0] !== boot.split('.')[0]) {
        return false;
      }
      // another container's processes cannot be seen from here
      if (theirPids !== pids) {
        return true;
      }
      const now = startOf(pid);
      return now === undefined ? mayLive(pid) : now === start;
    },
  };
}
