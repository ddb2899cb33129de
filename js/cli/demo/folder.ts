import { type Dirent, promises as fs } from 'node:fs';
import { basename, isAbsolute, join, posix, relative, resolve, sep } from 'node:path';

/** A file of the input folder: its path inside, with `/`, and its size. */
export interface FolderFile {
  path: string;
  bytes: number;
}

/** More than this is not looked at, so that a run stays a matter of seconds. */
const mostFiles = 400;
const mostPageBytes = 500_000;

/** The input folder, read only; nothing outside of it is reachable. */
export interface Folder {
  readonly name: string;
  /** In the order of their paths; `leftOut` counts what is beyond the limit. */
  list(): Promise<{ files: FolderFile[]; leftOut: number }>;
  /** @throws Error where there is no such page in the folder. */
  page(path: string): Promise<string>;
  has(path: string): Promise<boolean>;
}

/** Hidden files, `node_modules` and the paths in `except` are left out. */
export function openFolder(root: string, except: readonly string[] = []): Folder {
  const inside = (path: string): string => {
    const full = resolve(root, path);
    const way = relative(root, full);
    if (isAbsolute(way) || way === '..' || way.startsWith(`..${sep}`)) {
      throw new Error(`${path} is outside the folder.`);
    }
    return full;
  };
  return {
    name: basename(resolve(root)) || 'folder',
    async list() {
      const found: FolderFile[] = [];
      let leftOut = 0;
      const walk = async (folder: string): Promise<void> => {
        const entries = await fs.readdir(join(root, folder), { withFileTypes: true });
        for (const entry of entries.sort(byName)) {
          const path = posix.join(folder, entry.name);
          if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
          if (except.includes(resolve(root, path))) continue;
          if (entry.isDirectory()) {
            await walk(path);
          } else if (entry.isFile()) {
            if (found.length < mostFiles) found.push({ path, bytes: (await fs.stat(join(root, path))).size });
            else leftOut += 1;
          }
        }
      };
      await walk('');
      return { files: found, leftOut };
    },
    async page(path) {
      const full = inside(path);
      const { size } = await fs.stat(full);
      if (size > mostPageBytes) throw new Error(`${path} is larger than ${mostPageBytes} bytes.`);
      return fs.readFile(full, 'utf8');
    },
    async has(path) {
      return fs.access(inside(path)).then(
        () => true,
        () => false,
      );
    },
  };
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1;
}

export function isPage(path: string): boolean {
  return /\.(?:md|markdown)$/i.test(path);
}
