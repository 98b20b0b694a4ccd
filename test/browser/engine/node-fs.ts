/** What tests of the engine use of `node:fs`, in a browser: files of the repository, from the server of the tests. Imports nothing. */

/** Synchronous, as the functions it stands for. Bytes come as characters 0xf700..0xf7ff or 0..0x7f. */
function request(path: string): string | null {
  const call = new XMLHttpRequest();
  call.open('GET', path, false);
  call.overrideMimeType('text/plain; charset=x-user-defined');
  call.send();
  // The server answers with a page of HTML where there is no file.
  const found = call.status === 200 && !(call.getResponseHeader('Content-Type') ?? '').includes('text/html');
  return found ? call.responseText : null;
}

export const existsSync = (path: string): boolean => request(path) !== null;

export function readFileSync(path: string): Uint8Array<ArrayBuffer>;
export function readFileSync(path: string, encoding: 'utf8'): string;
export function readFileSync(path: string, encoding?: 'utf8'): string | Uint8Array<ArrayBuffer> {
  const text = request(path);
  if (text === null) throw new Error(`${path} cannot be read in a browser`);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
  return encoding ? new TextDecoder().decode(bytes) : bytes;
}

export function readdirSync(path: string): never {
  throw new Error(`${path}: a browser does not list folders`);
}
