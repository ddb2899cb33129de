/**
 * One address in front of several workers, request by request, as a service mesh or an HTTP/2 load balancer has it:
 * Restate keeps to one connection an address. A worker that cannot be reached is passed over.
 */
import { connect, constants, createServer } from 'node:http2';

/** `ports()` names the workers of now. Resolves with the balancer's own port and what ends it. */
export async function startBalancer(ports) {
  const sessions = new Map();
  const accepted = new Set();
  let turn = 0;

  const sessionOf = (port) => {
    const known = sessions.get(port);
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const session = connect(`http://127.0.0.1:${port}`);
    session.setMaxListeners(0);
    const gone = () => {
      if (sessions.get(port) === session) sessions.delete(port);
    };
    session.on('error', gone).on('close', gone);
    sessions.set(port, session);
    return session;
  };

  /** Settles with a session that stands, of the next worker that has one. */
  const reach = async () => {
    const all = ports();
    for (let left = all.length; left > 0; left -= 1) {
      const session = sessionOf(all[turn++ % all.length]);
      if (!session.connecting) return session;
      const stands = await new Promise((resolve) => {
        session.once('connect', () => resolve(true));
        session.once('close', () => resolve(false));
      });
      if (stands) return session;
    }
    return undefined;
  };

  const server = createServer();
  server.on('session', (session) => {
    accepted.add(session);
    session.on('error', () => {}).once('close', () => accepted.delete(session));
  });
  server.on('stream', async (stream, headers) => {
    const fail = () => {
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
    };
    stream.on('error', () => {});
    const session = await reach();
    if (session === undefined) {
      if (stream.headersSent || stream.destroyed) return fail();
      stream.respond({ ':status': 503 });
      stream.end();
      return;
    }
    const onward = session.request(headers);
    onward.on('response', (answer) => {
      if (!stream.destroyed) stream.respond(answer);
    });
    // A worker's death cuts what it was about; so does Restate's.
    onward.on('error', fail).on('close', () => {
      if (onward.rstCode !== constants.NGHTTP2_NO_ERROR) fail();
    });
    stream.on('close', () => {
      if (!onward.closed) onward.close(constants.NGHTTP2_CANCEL);
    });
    stream.pipe(onward);
    onward.pipe(stream);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    end() {
      for (const session of [...sessions.values(), ...accepted]) session.destroy();
      server.close();
    },
  };
}
