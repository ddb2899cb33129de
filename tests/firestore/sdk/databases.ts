import { generateKeyPairSync } from 'node:crypto';
import { Firestore } from '@google-cloud/firestore';
import { deleteApp, initializeApp } from 'firebase-admin/app';
import { getFirestore } from 'firebase-admin/firestore';
import { emptyProject } from '../project.js';

/** A database of the SDK on the emulator, and what ends its connections. */
export interface Connected {
  db: Firestore;
  end(): Promise<void>;
}

export interface Project {
  projectId: string;
  host: string;
}

function key(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

export function googleCloud({ projectId, host } = emptyProject(), preferRest = false): Connected {
  const db = new Firestore({
    projectId,
    host,
    ssl: false,
    preferRest,
    // over REST it signs a token even for a host without TLS
    credentials: { client_email: 'a@b.c', private_key: preferRest ? key() : 'x' },
  });
  return { db, end: () => db.terminate() };
}

export function firebaseAdmin({ projectId, host } = emptyProject()): Connected {
  const app = initializeApp({ projectId }, `${projectId}-${Math.random()}`);
  const db = getFirestore(app);
  db.settings({ host, ssl: false });
  return { db, end: () => deleteApp(app) };
}
