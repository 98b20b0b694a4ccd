/**
 * Which package archives a Debian or Ubuntu system uses: reads its source lists, in both of apt's formats, and picks
 * those that the driver comes from. Imports nothing.
 */

/**
 * An entry of a source list.
 * @typedef {object} AptSource
 * @property {string[]} uris
 * @property {string[]} suites
 * @property {string[]} components
 * @property {string | null} signedBy a key file, or a key itself (then it has several lines)
 * @property {boolean} trusted
 */

/**
 * Reads the one-line format: `deb [signed-by=FILE] URI SUITE COMPONENT...`.
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseSourceList(text) {
  /** @type {AptSource[]} */
  const sources = [];
  for (const line of text.split('\n')) {
    const [, options = '', uri, suite, components = ''] =
      /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line) ?? [];
    if (!uri || !suite) continue;
    sources.push({
      uris: [uri],
      suites: [suite],
      components: words(components),
      signedBy: /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1] ?? null,
      trusted: /(?:^|\s)trusted=yes/i.test(options),
    });
  }
  return sources;
}

/**
 * Reads the format of `*.sources`: paragraphs of `Field: value`, further lines of a value start with a space.
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseDeb822(text) {
  const sources = [];
  for (const paragraph of text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/)) {
    /** @type {Record<string, string>} */
    const fields = {};
    for (const [, name = '', value = ''] of paragraph.matchAll(/^([\w-]+):(.*(?:\n[ \t].*)*)/gm)) {
      fields[name.toLowerCase()] = value.trim();
    }
    if (!words(fields.types).includes('deb') || /^(no|false|off|0)$/i.test(fields.enabled ?? '')) continue;
    sources.push({
      uris: words(fields.uris),
      suites: words(fields.suites),
      components: words(fields.components),
      signedBy: fields['signed-by'] ?? null,
      trusted: /^(yes|true|on|1)$/i.test(fields.trusted ?? ''),
    });
  }
  return sources;
}

/** @param {string | undefined} text */
function words(text) {
  return text?.split(/\s+/).filter(Boolean) ?? [];
}

/**
 * The release's own archives among all sources, plus the suite that has a recent enough Mesa, and that suite's name if
 * apt has to be told to prefer it. Null when the release's archive is not among the sources.
 * @param {AptSource[]} sources
 * @param {string} codename VERSION_CODENAME of the system
 * @returns {{ sources: AptSource[], target: string | null } | null}
 */
export function driverSources(sources, codename) {
  const own = ['', '-updates', '-security', '-backports'].map((suffix) => codename + suffix);
  const kept = sources
    .map((source) => ({ ...source, suites: source.suites.filter((suite) => own.includes(suite)) }))
    .filter((source) => source.suites.length > 0 && source.components.includes('main'));
  const base = kept.find((source) => source.suites.includes(codename));
  if (!base) return null;

  // Mesa 22 of Debian 12 is too old for Dawn.
  const target = codename === 'bookworm' ? 'bookworm-backports' : null;
  if (target && !kept.some((source) => source.suites.includes(target))) kept.push({ ...base, suites: [target] });
  return { sources: kept, target };
}

/**
 * The sources as the text of a `*.sources` file.
 * @param {AptSource[]} sources
 */
export function formatDeb822(sources) {
  const paragraphs = sources.map((source) => {
    const lines = [
      'Types: deb',
      `URIs: ${source.uris.join(' ')}`,
      `Suites: ${source.suites.join(' ')}`,
      `Components: ${source.components.join(' ')}`,
    ];
    if (source.signedBy) lines.push(`Signed-By: ${source.signedBy}`);
    if (source.trusted) lines.push('Trusted: yes');
    return `${lines.join('\n')}\n`;
  });
  return paragraphs.join('\n');
}
