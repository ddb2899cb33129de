// The conformance suite over one SDK as it is installed beside the package: `conformance.mjs SDK HOST`.
import { readFileSync } from 'node:fs';
import { firestoreStore } from 'task-execution-engine/firestore';
import { storeConformance } from 'task-execution-engine/testing';

const [sdk, host] = process.argv.slice(2);
process.env.FIRESTORE_EMULATOR_HOST = host;

async function connect(projectId) {
  if (sdk === '@google-cloud/firestore') {
    const { Firestore } = await import('@google-cloud/firestore');
    const db = new Firestore({ projectId });
    return { db, end: () => db.terminate() };
  }
  const { deleteApp, initializeApp } = await import('firebase-admin/app');
  const { getFirestore } = await import('firebase-admin/firestore');
  const app = initializeApp({ projectId }, `${projectId}-${Math.random()}`);
  return { db: getFirestore(app), end: () => deleteApp(app) };
}

let number = 0;
const cases = storeConformance(async () => {
  number += 1;
  const projectId = `newest-${process.pid}-${number}`;
  const [one, two] = await Promise.all([connect(projectId), connect(projectId)]);
  return {
    store: firestoreStore(one.db),
    another: firestoreStore(two.db),
    dispose: () => Promise.all([one.end(), two.end()]),
  };
});
const broken = [];
for (const { name, run } of cases) {
  // the emulator answers UNKNOWN now and then while listeners come and go
  for (let left = name.startsWith('watchers') ? 3 : 1; left > 0; left -= 1) {
    try {
      await run();
      break;
    } catch (error) {
      if (left === 1) broken.push(`${name}: ${error.stack}`);
    }
  }
}
const { version } = JSON.parse(
  readFileSync(new URL(`node_modules/${sdk}/package.json`, import.meta.url), 'utf8'),
);
process.stdout.write(
  `${JSON.stringify({ node: process.versions.node, version, passed: cases.length - broken.length, broken })}\n`,
);
process.exit(0);
