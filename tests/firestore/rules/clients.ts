import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { firestoreRestStore } from '../../../js/stores/firestore/rest.js';
import type { TaskStore } from '../../../js/types.js';
import { emptyProject } from '../project.js';

/** A project of its own under one of the files of rules, with a store for the server and one for each user. */
export async function projectUnder(file: 'firestore.rules' | 'firestore.browser.rules') {
  const project = emptyProject();
  const content = readFileSync(fileURLToPath(new URL(`../../../${file}`, import.meta.url)), 'utf8');
  const response = await fetch(
    `http://${project.host}/emulator/v1/projects/${project.projectId}:securityRules`,
    {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ rules: { files: [{ name: file, content }] } }),
    },
  );
  if (!response.ok) throw new Error(`${file} is refused: ${await response.text()}`);
  const user = (id: string): TaskStore =>
    firestoreRestStore({ ...project, token: userToken(id, project.projectId) });
  return { server: firestoreRestStore(project), user, anonymous: anonymous(project) };
}

/** What the emulator takes for the ID token of a user: nobody has signed it. */
function userToken(id: string, projectId: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: id, user_id: id, aud: projectId, iat: now, exp: now + 3600, auth_time: now };
  return `${part({ alg: 'none', typ: 'JWT' })}.${part({ ...claims, iss: `https://securetoken.google.com/${projectId}` })}.`;
}

function anonymous(project: { projectId: string; host: string }): TaskStore {
  return firestoreRestStore({
    ...project,
    fetch: (url, { headers, ...init } = {}) => {
      const { authorization: _, ...rest } = headers as Record<string, string>;
      return fetch(url, { ...init, headers: rest });
    },
  });
}
