// A person at the page: real Chromium through playwright-core, a TCP proxy whose cable can be pulled, axe.
import { createRequire } from 'node:module';
import { createServer, connect } from 'node:net';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../clients/kit.mjs';

const web = createRequire(join(root, 'dashboards/web/package.json'));
const { chromium } = web('playwright-core');
const axeSource = readFileSync(web.resolve('axe-core/axe.min.js'), 'utf8');

export const screenshots = join(root, 'target/screenshots');
mkdirSync(screenshots, { recursive: true });

export function launch(more = []) {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', ...more],
  });
}

/** A proxy in front of the hub: `cut()` drops every connection and takes no new one until `mend()`. */
export async function cable(port) {
  const sockets = new Set();
  let whole = true;
  const server = createServer((inner) => {
    if (!whole) return inner.destroy();
    const outer = connect(port, '127.0.0.1');
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => { sockets.delete(socket); inner.destroy(); outer.destroy(); });
    }
    inner.pipe(outer).pipe(inner);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    port: server.address().port,
    cut() { whole = false; for (const socket of sockets) socket.destroy(); },
    mend() { whole = true; },
    close() { this.cut(); server.close(); },
  };
}

/** A new page, logged in through the form. */
export async function login(browser, url, { username = 'dispatcher', size = [1920, 1080] } = {}) {
  const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, locale: 'zh-CN' });
  const page = await context.newPage();
  const outside = [];
  page.on('request', (request) => { if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) outside.push(request.url()); });
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${url}/login`);
  await page.getByTestId('login-username').fill(username);
  await page.getByTestId('login-password').fill('greenhub-demo');
  await page.getByTestId('login-submit').click();
  await page.waitForURL((at) => !at.pathname.startsWith('/login'));
  return { page, context, outside, errors };
}

/** Serious and critical findings of axe on the page as it stands. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`);
}
