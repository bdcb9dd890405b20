import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { deflateRawSync, crc32 } from 'node:zlib';

/** A zip of files, each deflated: what a wheel is. */
export function zipOf(files: Readonly<Record<string, Buffer>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const packed = deflateRawSync(content);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, rest, Buffer.from(name));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, Buffer.from('PK\x05\x06', 'latin1'), end]);
}

export const LIBRARY_CONTENT = Buffer.from(`a library, ${'not really; '.repeat(20_000)}`);
export const WHEEL = zipOf({
  'nvidia/cu13/lib/libcublas.so.13': Buffer.from('another'),
  'nvidia/cu13/lib/libcublasLt.so.13': LIBRARY_CONTENT,
  'nvidia_cublas-13.1.0.3.dist-info/RECORD': Buffer.from(''),
});
export const FILE = 'nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl';

export interface FakeIndex {
  readonly index: string;
  /** Requests so far: path, range. */
  readonly asked: { readonly path: string; readonly range: string | undefined }[];
  /** How it misbehaves; may be changed at any time. */
  readonly faults: {
    /** Bytes after which a download is cut; used up by one download. */
    cuts: number[];
    /** Never answers beyond the first bytes. */
    stalls?: boolean;
    /** Takes ten seconds for the whole. */
    slow?: boolean;
    /** Another hash than the content's. */
    wrongHash?: boolean;
    ignoresRanges?: boolean;
    html?: boolean;
    status?: number;
  };
  close(): Promise<void>;
}

/** A package index on this machine with one small wheel. */
export async function fakeIndex(wheel: Buffer = WHEEL): Promise<FakeIndex> {
  const faults: FakeIndex['faults'] = { cuts: [] };
  const asked: FakeIndex['asked'] = [];
  const sha256 = createHash('sha256').update(wheel).digest('hex');
  const server = createServer((request, response) => {
    asked.push({ path: request.url ?? '', range: request.headers.range });
    if (faults.status !== undefined) return void response.writeHead(faults.status).end();
    if (request.url === '/simple/nvidia-cublas/') return sendPage(response);
    if (request.url === `/moved/${FILE}`) return void response.writeHead(302, { Location: `/files/${FILE}` }).end();
    if (request.url === `/files/${FILE}`) return sendWheel(request, response);
    response.writeHead(404).end();
  });

  function sendPage(response: ServerResponse): void {
    const hash = faults.wrongHash === true ? 'a'.repeat(64) : sha256;
    if (faults.html === true) {
      response.writeHead(200, { 'Content-Type': 'text/html' });
      return void response.end(
        `<html><a href="../../moved/${FILE}#sha256=${hash}" data-requires-python="&gt;=3">${FILE}</a><a href="/x#sha256=${hash}" data-yanked="">nvidia_cublas-13.9.0.0-py3-none-manylinux_2_27_x86_64.whl</a></html>`,
      );
    }
    response.writeHead(200, { 'Content-Type': 'application/vnd.pypi.simple.v1+json' });
    const file = (filename: string, more: object = {}): object => ({
      filename,
      url: `../../moved/${FILE}`,
      hashes: { sha256: hash },
      size: wheel.length,
      yanked: false,
      ...more,
    });
    response.end(
      JSON.stringify({
        files: [
          file(FILE),
          file('nvidia_cublas-13.9.0.1-py3-none-manylinux_2_27_aarch64.whl'),
          file('nvidia_cublas-13.9.0.1-py3-none-win_amd64.whl'),
          file('nvidia_cublas-13.7.0.1rc1-py3-none-manylinux_2_27_x86_64.whl'),
          file('nvidia_cublas-12.9.0.1-py3-none-manylinux_2_27_x86_64.whl'),
          file('nvidia_cublas-14.0.0.1-py3-none-manylinux_2_27_x86_64.whl'),
        ],
      }),
    );
  }

  function sendWheel(request: IncomingMessage, response: ServerResponse): void {
    const from = faults.ignoresRanges === true ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = wheel.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'Content-Length': rest.length,
      ...(from > 0 ? { 'Content-Range': `bytes ${from}-${wheel.length - 1}/${wheel.length}` } : {}),
    });
    const cut = faults.cuts.shift();
    if (cut !== undefined) return void response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
    if (faults.stalls === true) return void response.write(rest.subarray(0, 100));
    if (faults.slow !== true) return void response.end(rest);
    let sent = 0;
    const part = Math.ceil(wheel.length / 100);
    const timer = setInterval(() => {
      if (response.destroyed) return clearInterval(timer);
      response.write(rest.subarray(sent, sent + part));
      sent += part;
      if (sent < rest.length) return;
      clearInterval(timer);
      response.end();
    }, 100);
  }

  const address = await listen(server);
  return { index: `http://127.0.0.1:${address}/simple/`, asked, faults, close: () => closed(server) };
}

/** A proxy that tunnels. */
export async function fakeProxy(): Promise<{
  readonly address: string;
  readonly tunnels: { readonly to: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}> {
  const tunnels: { to: string; authorization: string | undefined }[] = [];
  const server = createServer();
  server.on('connect', (request, socket) => {
    tunnels.push({ to: request.url ?? '', authorization: request.headers['proxy-authorization'] });
    const [host, port] = (request.url ?? '').split(':');
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      target.pipe(socket);
      socket.pipe(target);
    });
    for (const end of [target, socket]) end.on('error', () => undefined);
  });
  const port = await listen(server);
  return { address: `http://127.0.0.1:${port}`, tunnels, close: () => closed(server) };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
