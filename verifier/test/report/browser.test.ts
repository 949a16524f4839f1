import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderHtml } from '../../src/report/render-html.ts';
import { context, hostileContext, samples } from './samples.ts';

const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
if (browser === undefined)
  process.stderr.write('SKIPPED: reports are not looked at in a browser, for there is no /usr/bin/chromium here\n');

/** What goes wrong with text on a page: too little contrast, a box that is wider than the page, markup that came from outside. */
interface Seen {
  readonly contrast: number;
  readonly overflow: number;
  /** Of the table of findings, pixels that are seen only by scrolling. */
  readonly cut: number;
  readonly scripts: number;
  readonly owned: boolean;
  readonly sections: number;
  readonly unlabelled: number;
}

// Runs in the page, as text: the types of a browser are not among ours.
const look = `(() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (colour) => {
    const [r, g, b] = channels(colour).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((channels(colour)[3] ?? 1) > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  let contrast = 21;
  for (const element of document.body.querySelectorAll('*')) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    contrast = Math.min(contrast, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  const root = document.documentElement;
  return {
    contrast,
    overflow: root.scrollWidth - root.clientWidth,
    cut: Math.max(0, ...[...document.querySelectorAll('.stacked')].map(({ parentElement: box }) => box.scrollWidth - box.clientWidth)),
    scripts: document.scripts.length,
    owned: document.getElementById('owned') !== null || document.images.length > 0,
    sections: document.querySelectorAll('main section').length,
    unlabelled: [...document.querySelectorAll('[aria-labelledby]')].filter((each) => !document.getElementById(each.getAttribute('aria-labelledby'))).length,
  };
})()`;

describe.skipIf(browser === undefined)('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tallystick-report-pages-'));
  const complaints: string[] = [];
  let window: BrowserContext;
  let tab: Page;

  beforeAll(async () => {
    const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
    window = await chromium.launchPersistentContext(join(folder, 'profile'), {
      ...(browser === undefined ? {} : { executablePath: browser }),
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', ...quiet],
    });
    tab = await window.newPage();
    tab.on('console', (message) => complaints.push(message.text()));
    tab.on('pageerror', (error) => complaints.push(String(error)));
    tab.on('dialog', (dialog) => complaints.push(dialog.message()));
    tab.on('request', (request) => {
      if (!request.url().startsWith('file:')) complaints.push(request.url());
    });
  });
  afterAll(async () => {
    await window.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(Object.entries(samples))(
    'the page of %s can be read by day, by night and on a phone',
    async (name, run) => {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, renderHtml(run, name === 'hostile' ? hostileContext : context));
      for (const [colorScheme, width] of [
        ['light', 1100],
        ['dark', 1100],
        ['light', 360],
        ['dark', 400],
      ] as const) {
        await tab.emulateMedia({ colorScheme });
        await tab.setViewportSize({ width, height: 900 });
        await tab.goto(pathToFileURL(file).href);
        const seen = await tab.evaluate<Seen>(look);
        expect(seen).toMatchObject({ scripts: 0, owned: false, unlabelled: 0, overflow: 0, cut: 0 });
        expect(seen.contrast).toBeGreaterThan(4.5);
        expect(seen.sections).toBeGreaterThanOrEqual(3);
      }
      expect(complaints).toEqual([]);
    },
  );

  test('a page prints on A4', async () => {
    const file = join(folder, 'print.html');
    writeFileSync(file, renderHtml(samples.failed, context));
    await tab.goto(pathToFileURL(file).href);
    const pdf = await tab.pdf({ preferCSSPageSize: true });
    expect(pdf.toString('latin1')).toMatch(/\/MediaBox \[0 0 59[45]\.\d+ 84[12]\.\d+\]/);
  });
});
