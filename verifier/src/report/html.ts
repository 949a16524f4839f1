import { createHash } from 'node:crypto';
import { style } from './html-style.ts';
import { escapeMarkup, visible, visibleLines } from './text.ts';

/** A piece of HTML: what comes from outside is escaped already. Only this file makes one from text. */
export interface Html {
  readonly html: string;
}

type Value = Html | string | number | null | readonly (Html | null)[];

/** A template whose values are escaped, and made visible, unless they are HTML. null is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { html: parts.reduce((whole, part, index) => whole + piece(values[index - 1] ?? null) + part) };
}

function piece(value: Value): string {
  if (value === null) return '';
  if (typeof value === 'string' || typeof value === 'number') return escapeMarkup(visible(String(value)));
  return 'html' in value ? value.html : value.map(piece).join('');
}

/** Text of several lines, for `<pre>`. */
export function lines(text: string): Html {
  return { html: escapeMarkup(visibleLines(text)) };
}

/** The whole page. It loads nothing and runs nothing: the policy allows its own style sheet, by its hash, and no more. */
export function page(title: string, body: Html): string {
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const head = html`<meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="referrer" content="no-referrer" />
    <meta name="robots" content="noindex" />
    <title>${title}</title>`;
  return `<!doctype html>\n<html lang="en">\n<head>\n${head.html}\n<style>${style}</style>\n</head>\n<body>\n${body.html}\n</body>\n</html>\n`;
}
