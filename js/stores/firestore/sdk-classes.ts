import { loadPeer } from '#peers';
import { TaskExecutionError } from '../../errors.js';
import type { FirestoreLike, FirestoreSdk } from './structure.js';

const packages = ['@google-cloud/firestore', 'firebase-admin/firestore'];

/**
 * The classes that `db` understands: another copy's are refused by it. They are not reachable from `db` by its public
 * interface, so the packages are asked, each only when it is installed.
 *
 * @throws TaskExecutionError NOT_CONFIGURED where none has made `db`
 */
export async function loadSdk(db: FirestoreLike, given: FirestoreSdk | undefined): Promise<FirestoreSdk> {
  if (given !== undefined) {
    if (!isSdk(given)) {
      throw new TaskExecutionError(
        'INVALID_ARGUMENT',
        'firestoreStore: sdk must have the classes FieldPath, FieldValue and Timestamp.',
      );
    }
    return given;
  }
  // @google-cloud/firestore exports its classes as properties of `Firestore`, too
  if (isSdk(db.constructor)) {
    return db.constructor;
  }
  const tried: string[] = [];
  for (const name of packages) {
    let module: any;
    try {
      module = await loadPeer(name);
    } catch (cause) {
      tried.push(`${name} could not be loaded (${cause instanceof Error ? cause.message : String(cause)})`);
      continue;
    }
    const sdk = [module, module.default].find(isSdk);
    if (sdk?.Firestore !== undefined && db instanceof sdk.Firestore) {
      return sdk;
    }
    tried.push(`${name} is there, but another copy made db`);
  }
  throw new TaskExecutionError(
    'NOT_CONFIGURED',
    `firestoreStore needs the classes of the SDK that made db: ${tried.join('; ')}. Give them: firestoreStore(db, { sdk: { FieldPath, FieldValue, Timestamp } }), imported from where getFirestore or Firestore comes from.`,
  );
}

function isSdk(value: unknown): value is FirestoreSdk {
  const sdk = value as Partial<FirestoreSdk> | null | undefined;
  return [sdk?.FieldPath, sdk?.FieldValue, sdk?.Timestamp].every((member) => typeof member === 'function');
}
