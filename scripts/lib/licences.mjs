import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

/** Where tsdown.config.ts leaves the folders of the packages that it inlined. */
export const inlinedList = '.tools/inlined.json';

/** The licences of what others wrote and `pkg/` contains: crates in the wasm, packages inlined in the JavaScript. */
export async function thirdPartyLicences() {
  const folders = JSON.parse(readFileSync(join(root, inlinedList), 'utf8'));
  const works = [...(await crates()), ...folders.map(npmPackage)].map(withText);
  const parts = [...groupedByText(works)].map(([text, group]) => {
    const names = group.map(({ name, version, licence, from }) => `${name} ${version} (${from}, ${licence})`);
    return `${[...new Set(names)].sort().join('\n')}\n\n${text}`;
  });
  return `${[heading, standardLibrary, ...parts.sort()].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

const heading = `This package contains code of others under the licences below. Its own are in LICENSE-MIT and LICENSE-APACHE.`;

// Part of the toolchain, so no crate that cargo lists.
const standardLibrary = `The Rust standard library, with what it is compiled with (MIT OR Apache-2.0)
Copyright (c) The Rust Project Contributors
https://github.com/rust-lang/rust/blob/master/COPYRIGHT`;

function groupedByText(works) {
  const groups = new Map();
  for (const work of works) groups.set(work.text, [...(groups.get(work.text) ?? []), work]);
  return groups;
}

/** The crates that are linked: not those that only run while it is compiled. */
async function crates() {
  const args = ['metadata', '--locked', '--format-version=1', '--filter-platform=wasm32-unknown-unknown'];
  const { packages, resolve } = JSON.parse(await run('cargo', args, { capture: true }));
  const byId = new Map(packages.map((each) => [each.id, each]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const linked = new Set();
  const visit = (id) => {
    if (linked.has(id) || byId.get(id).targets.some(({ kind }) => kind.includes('proc-macro'))) return;
    linked.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id).deps)
      if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg);
  };
  visit(resolve.root);
  linked.delete(resolve.root);
  return [...linked].map((id) => {
    const { name, version, license, authors, manifest_path } = byId.get(id);
    return { name, version, licence: license, authors, from: 'crate', folder: join(manifest_path, '..') };
  });
}

function npmPackage(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const by = typeof author === 'string' ? author : author?.name;
  return { name, version, licence: license, authors: by ? [by] : [], from: 'npm', folder };
}

function withText(work) {
  const { name, folder, licence, authors } = work;
  if (typeof licence !== 'string') throw new Error(`${name} does not say under which licence it is.`);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|unlicense)/i.test(file));
  // Of several to choose from, the shortest.
  const isChoice = !/\bAND\b/.test(licence);
  const chosen = files.find((file) => isChoice && /mit/i.test(file) && /\bMIT\b/.test(licence));
  const texts = (chosen ? [chosen] : files)
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const by = authors.length > 0 ? `, by ${authors.join(', ')}` : '';
  const text = texts.join('\n\n') || `Its package has no licence file; its manifest says ${licence}${by}.`;
  return { ...work, text };
}
