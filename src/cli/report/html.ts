/**
 * HTML by a template tag that escapes every value put into it. Imports nothing.
 */

/** Finished HTML: what `html` makes and puts in unescaped. */
export class Html {
  constructor(readonly text: string) {}
}

/** What may stand in a template: text is escaped, null is nothing, a list is its parts one after another. */
export type HtmlPart = string | number | Html | null | readonly HtmlPart[];

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Escapes text for an element's content or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** Template tag: html`<td>${name}</td>`. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return new Html(strings.map((text, i) => (i === 0 ? text : textOf(parts[i - 1] ?? null) + text)).join(''));
}

/** Trusted markup (a finished SVG, the style sheet), put in as it is. */
export function raw(text: string): Html {
  return new Html(text);
}

function textOf(part: HtmlPart): string {
  if (part === null) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return part.map(textOf).join('');
}
