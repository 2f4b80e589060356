import { createServer, request as send, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { serveProxy } from './proxy.ts';
import type { Address, Tunnel } from './tunnel.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    servers.push(server);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

/** A tunnel whose addresses are scripted; a broken one goes on to the next. */
function scriptedTunnel(addresses: Address[]): Tunnel & { broke: number } {
  const tunnel = {
    broke: 0,
    address: () => {
      const [first] = addresses;
      return first === undefined ? Promise.reject(new Error('no way')) : Promise.resolve(first);
    },
    broken: () => {
      tunnel.broke += 1;
      addresses.shift();
    },
    close: () => undefined,
  };
  return tunnel;
}

const proxyTo = async (tunnel: Tunnel, host: string | undefined): Promise<string> => {
  const server = await serveProxy(0, tunnel, host);
  servers.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const echo = () =>
  createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { host } = request.headers;
      const body = Buffer.concat(chunks).toString();
      response.setHeader('x-seen', 'yes');
      response.end(JSON.stringify({ host, method: request.method, url: request.url, body }));
    });
  });

test('a request goes through with the host that the ingress routes by, path, method and body', async () => {
  const port = await listen(echo());
  const tunnel = scriptedTunnel([{ host: '127.0.0.1', port }]);
  const url = await proxyTo(tunnel, 'operator.nimbusguard.svc.cluster.local');
  const answer = await fetch(`${url}/a?b=1`, { method: 'POST', body: 'hello' });

  expect(answer.headers.get('x-seen')).toBe('yes');
  expect(await answer.json()).toEqual({
    host: 'operator.nimbusguard.svc.cluster.local',
    method: 'POST',
    url: '/a?b=1',
    body: 'hello',
  });
});

test('when the pod behind the tunnel is gone, the request is sent again through the next', async () => {
  const gone = await listen(createServer((request) => request.socket.destroy()));
  const port = await listen(echo());
  const tunnel = scriptedTunnel([
    { host: '127.0.0.1', port: gone },
    { host: '127.0.0.1', port },
  ]);
  const answer = await fetch(await proxyTo(tunnel, 'x'), { method: 'POST', body: 'again' });

  expect(await answer.json()).toMatchObject({ body: 'again' });
  expect(tunnel.broke).toBe(1);
});

test('without any way into the cluster the answer is a problem that says so', async () => {
  const answer = await fetch(await proxyTo(scriptedTunnel([]), 'x'));

  expect(answer.status).toBe(503);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(await answer.json()).toMatchObject({ status: 503, detail: 'no way' });
});

test('a stream arrives piece by piece, not at its end', async () => {
  const port = await listen(
    createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    }),
  );
  const tunnel = scriptedTunnel([{ host: '127.0.0.1', port }]);
  const answer = await fetch(await proxyTo(tunnel, 'x'));
  const reader = answer.body!.getReader();
  const { value } = (await reader.read()) as { value: Uint8Array };
  await reader.cancel();

  expect(new TextDecoder().decode(value)).toBe('data: 1\n\n');
});

test('a body over the limit is refused', async () => {
  const port = await listen(echo());
  const url = await proxyTo(scriptedTunnel([{ host: '127.0.0.1', port }]), 'x');
  const answer = await fetch(url, { method: 'POST', body: 'x'.repeat(1_048_577) });

  expect(answer.status).toBe(413);
});

test.each([
  ['POST', 'localhost:8082', 200],
  ['POST', '127.0.0.1:8082', 200],
  ['POST', '[::1]:8082', 200],
  ['POST', 'rebound.example:8082', 422],
  ['POST', '127.0.0.1.rebound.example', 422],
  ['DELETE', 'rebound.example', 422],
  ['POST', 'no host', 422],
  ['GET', 'rebound.example:8082', 200],
])('%s to %s, a name that points here, is answered by %i', async (method, host, status) => {
  const port = await listen(echo());
  const url = await proxyTo(scriptedTunnel([{ host: '127.0.0.1', port }]), 'operator.svc');
  const seen = await new Promise((resolve, reject) => {
    const sent = send(`${url}/api/suspend`, { method, headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.once('error', reject);
    sent.end();
  });

  expect(seen).toBe(status);
});
