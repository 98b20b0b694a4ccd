import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  signedBy: string | null;
  trusted: boolean;
}
interface AptSources {
  parseSourceList(text: string): AptSource[];
  parseDeb822(text: string): AptSource[];
  driverSources(sources: AptSource[], codename: string): { sources: AptSource[]; target: string | null } | null;
  formatDeb822(sources: AptSource[]): string;
}
interface LockFile {
  packages?: Record<string, { version?: string; integrity?: string; optional?: boolean }>;
}
interface Dependencies {
  firstDifference(locked: LockFile, installed: LockFile): string | null;
}
interface Elf {
  readElf(file: string): { soname: string | null; needed: string[] } | null;
  loadingOrder(files: Map<string, string>, roots: string[]): string[];
}
interface Tar {
  tarFiles(tar: Buffer): Iterable<{ name: string; data: Buffer }>;
}

/** The scripts are plain JavaScript: their types are those above. */
const load = (name: string) => import(`../../scripts/setup/${name}.mjs`);
const { parseSourceList, parseDeb822, driverSources, formatDeb822 }: AptSources = await load('apt-sources');
const { firstDifference }: Dependencies = await load('dependencies');
const { readElf, loadingOrder }: Elf = await load('elf');
const { tarFiles }: Tar = await load('tar');

const folder = mkdtempSync(join(tmpdir(), 'gabor-setup-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('source lists of apt', () => {
  test('one-line format', () => {
    const text = `# comment
deb http://archive.example/debian bookworm main contrib # trailing
deb-src http://archive.example/debian bookworm main
 deb [arch=amd64 signed-by=/keys/a.gpg] http://other.example/x  bookworm-updates  main
#deb http://archive.example/debian sid main
deb [ trusted=yes ] file:/local ./
`;
    expect(parseSourceList(text)).toEqual([
      source({ suites: ['bookworm'], components: ['main', 'contrib'] }),
      source({ uris: ['http://other.example/x'], suites: ['bookworm-updates'], signedBy: '/keys/a.gpg' }),
      source({ uris: ['file:/local'], suites: ['./'], components: [], trusted: true }),
    ]);
  });

  test('paragraph format', () => {
    const text = `# comment
Types: deb deb-src
# inside
URIs: http://archive.example/debian
  http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /keys/a.gpg

types: deb
enabled: no
uris: http://off.example/
suites: bookworm

Types: deb-src
URIs: http://src.example/
Suites: bookworm
`;
    expect(parseDeb822(text)).toEqual([
      source({
        uris: ['http://archive.example/debian', 'http://second.example/debian'],
        suites: ['bookworm', 'bookworm-updates'],
        signedBy: '/keys/a.gpg',
      }),
    ]);
  });

  test('an inline key and all fields survive writing and reading', () => {
    const key = '-----BEGIN KEY-----\n .\n abc=\n -----END KEY-----';
    const sources = [
      source({ suites: ['noble'], signedBy: key }),
      source({ suites: ['noble-updates', 'noble-security'], components: ['main', 'universe'], trusted: true }),
    ];
    expect(parseDeb822(formatDeb822(sources))).toEqual(sources);
  });
});

describe('the sources of the driver', () => {
  const debian = source({ suites: ['bookworm', 'bookworm-updates'], signedBy: '/keys/a.gpg' });

  test('Debian 12 gets its backports from the same archive', () => {
    const found = driverSources([debian], 'bookworm');
    expect(found?.target).toBe('bookworm-backports');
    expect(found?.sources).toEqual([debian, { ...debian, suites: ['bookworm-backports'] }]);
  });

  test('backports that the system has are not added twice', () => {
    const backports = source({ suites: ['bookworm-backports'] });
    expect(driverSources([debian, backports], 'bookworm')?.sources).toEqual([debian, backports]);
  });

  test.each(['trixie', 'noble'])('%s has a recent enough Mesa itself', (codename) => {
    const own = source({ suites: [codename, `${codename}-security`] });
    expect(driverSources([own], codename)).toEqual({ sources: [own], target: null });
  });

  test('archives of others are left out', () => {
    const others = [
      source({ suites: ['nodistro'] }),
      source({ suites: ['bookworm-pgdg'] }),
      source({ suites: ['bookworm'], components: ['stable'] }),
      source({ suites: ['sid'] }),
    ];
    expect(driverSources(others, 'bookworm')).toBeNull();
    expect(driverSources([...others, debian], 'bookworm')?.sources).toHaveLength(2);
  });
});

describe('installed dependencies', () => {
  const locked = {
    packages: {
      '': { version: '1.0.0' },
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
      'node_modules/b': { version: '2.0.0', integrity: 'sha512-b', optional: true },
    },
  };
  const installed = (packages: LockFile['packages']) => firstDifference(locked, { packages });

  test('are up to date with or without the optional ones', () => {
    const { '': _, ...all } = locked.packages;
    expect(installed(all)).toBeNull();
    expect(installed({ 'node_modules/a': all['node_modules/a'] })).toBeNull();
  });

  test('are not when one is missing, has another version or other contents', () => {
    expect(installed({})).toBe('node_modules/a');
    expect(installed({ 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } })).toBe('node_modules/a');
    expect(installed({ 'node_modules/a': { version: '1.0.0', integrity: 'sha512-x' } })).toBe('node_modules/a');
  });
});

describe('shared libraries', () => {
  /** A shared library with nothing but the names. */
  function library(soname: string, needed: string[]): string {
    const names = ['', soname, ...needed];
    const strings = Buffer.from(`${names.join('\0')}\0`);
    const offset = (i: number) => names.slice(0, i).reduce((sum, name) => sum + name.length + 1, 0);
    const tags = [[5, 0x1000], [14, offset(1)], ...needed.map((_, i) => [1, offset(i + 2)]), [0, 0]] as [
      number,
      number,
    ][];
    const dynamicAt = 64 + 2 * 56;
    const stringsAt = dynamicAt + tags.length * 16;
    const data = Buffer.alloc(stringsAt + strings.length);
    const u64 = (value: number, at: number) => data.writeBigUInt64LE(BigInt(value), at);
    data.write('\x7fELF\x02\x01', 0, 'latin1');
    u64(64, 32);
    data.writeUInt16LE(56, 54);
    data.writeUInt16LE(2, 56);
    const segments = [
      [1, stringsAt, 0x1000, strings.length],
      [2, dynamicAt, 0x2000, tags.length * 16],
    ] as [number, number, number, number][];
    segments.forEach(([type, at, address, size], i) => {
      data.writeUInt32LE(type, 64 + i * 56);
      u64(at, 64 + i * 56 + 8);
      u64(address, 64 + i * 56 + 16);
      u64(size, 64 + i * 56 + 32);
    });
    tags.flat().forEach((value, i) => {
      u64(value, dynamicAt + i * 8);
    });
    strings.copy(data, stringsAt);
    const file = join(folder, soname);
    writeFileSync(file, data);
    return file;
  }

  test('name and needed libraries are read', () => {
    expect(readElf(library('libx.so.1', ['liby.so.2', 'libc.so.6']))).toEqual({
      soname: 'libx.so.1',
      needed: ['liby.so.2', 'libc.so.6'],
    });
    const text = join(folder, 'script.so');
    writeFileSync(text, 'INPUT(-lx)'.repeat(10));
    expect(readElf(text)).toBeNull();
  });

  test('each comes after those it needs; what nobody needs is left out; a cycle ends', () => {
    const graph: Record<string, string[]> = {
      driver: ['b', 'a', 'system'],
      a: ['c', 'driver'],
      b: ['a'],
      c: [],
      unused: ['c'],
    };
    const files = new Map(Object.entries(graph).map(([name, needed]) => [name, library(name, needed)]));
    expect(loadingOrder(files, ['driver', 'missing'])).toEqual(['c', 'a', 'b', 'driver']);
  });
});

test('the files of a tar archive are read', () => {
  const entry = (name: string, type: string, text: string) => {
    const block = Buffer.alloc(512 + Math.ceil(text.length / 512) * 512);
    block.write(name);
    block.write(`${text.length.toString(8).padStart(11, '0')}\0${'0'.repeat(12)}`, 124);
    block.write(type, 156);
    block.write(text, 512);
    return block;
  };
  const tar = Buffer.concat([
    entry('folder/', '5', ''),
    entry('folder/a', '0', 'x'.repeat(513)),
    entry('b', '\0', 'hello'),
    Buffer.alloc(1024),
  ]);
  const files = [...tarFiles(tar)].map(({ name, data }) => [name, data.toString()]);
  expect(files).toEqual([
    ['folder/a', 'x'.repeat(513)],
    ['b', 'hello'],
  ]);
});

function source(fields: Partial<AptSource>): AptSource {
  return {
    uris: ['http://archive.example/debian'],
    suites: [],
    components: ['main'],
    signedBy: null,
    trusted: false,
    ...fields,
  };
}
