// The console in real Chromium: a position from mosquitto_pub on the map, an alarm acknowledged in the page, a pulled cable.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { run, startHub, until } from '../clients/kit.mjs';
import { axe, cable, launch, login, screenshots } from './kit.mjs';

let hub, browser, wire, url;
before(async () => {
  hub = await startHub();
  wire = await cable(hub.httpPort);
  url = `http://127.0.0.1:${wire.port}`;
  browser = await launch();
});
after(async () => { await browser?.close(); wire?.close(); await hub?.stop(); hub?.forget(); });

const publish = async (topic, payload) => {
  const result = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', topic, '-m', JSON.stringify(payload)]);
  assert.equal(result.code, 0, result.stderr);
};
const units = (page) => page.evaluate(() => window.__greenhub.units());

test('a published position appears on the map and moves without a reload', async () => {
  const { page, context, outside, errors } = await login(browser, url);
  await page.goto(`${url}/map`);
  await page.getByTestId('map-canvas').first().waitFor();
  await publish('greenhub/v1/patrol/W-001/position', { time: Date.now(), lon: 121.39, lat: 31.21, speed_kmh: 4, heading_deg: 90 });
  const first = await until('the unit on the map', async () => {
    const unit = (await units(page))['W-001'];
    return Number.isFinite(unit?.x) && unit;
  });
  assert.ok(Math.abs(first.lon - 121.39) < 1e-6, JSON.stringify(first));
  await publish('greenhub/v1/patrol/W-001/position', { time: Date.now(), lon: 121.40, lat: 31.21 });
  const second = await until('the unit at its new place', async () => {
    const unit = (await units(page))['W-001'];
    return Math.abs(unit.lon - 121.40) < 1e-6 && unit.x > first.x && unit;
  });
  assert.ok(second.x > first.x, `it moved east on the screen: ${JSON.stringify([first, second])}`);
  assert.deepEqual(outside, [], 'no request leaves our origin');
  assert.deepEqual(errors, []);
  await page.screenshot({ path: join(screenshots, 'map-first-unit.png') });
  await context.close();
});

test('an alarm appears, is acknowledged in the page, and its order is there', async () => {
  const { page, context } = await login(browser, url);
  await page.goto(`${url}/map`);
  await publish('greenhub/v1/charger/W-PILE/alarm', { time: Date.now(), code: 'OVER_TEMPERATURE', active: true, severity: 'critical', value: 91.5 });
  const row = page.getByTestId('alarm-row').filter({ hasText: 'W-PILE' }).first();
  await row.waitFor();
  assert.equal(await row.getAttribute('data-state'), 'unacknowledged');
  await row.getByTestId('alarm-ack').click();
  await until('the row acknowledged', async () => (await row.getAttribute('data-state')) === 'acknowledged');
  await page.goto(`${url}/orders`);
  await page.getByTestId('order-row').filter({ hasText: 'W-PILE' }).first().waitFor();
  await context.close();
});

test('after ten seconds without network the page catches up without a reload', async () => {
  const { page, context } = await login(browser, url);
  await page.goto(`${url}/map`);
  await until('a live link', async () => (await page.getByTestId('link-state').first().getAttribute('data-state')) === 'connected');
  await page.evaluate(() => { window.__sameDocument = true; });
  wire.cut();
  await until('the page to notice', async () => (await page.getByTestId('link-state').first().getAttribute('data-state')) !== 'connected');
  await publish('greenhub/v1/patrol/W-002/position', { time: Date.now(), lon: 121.38, lat: 31.20 });
  // The length of the cut is the input of this test.
  await new Promise((next) => setTimeout(next, 10_000));
  wire.mend();
  await until('what was missed', async () => (await units(page))['W-002']);
  await until('a live link again', async () => (await page.getByTestId('link-state').first().getAttribute('data-state')) === 'connected');
  assert.equal(await page.evaluate(() => window.__sameDocument), true, 'the page was not reloaded');
  await context.close();
});

test('axe finds nothing serious on any screen, in both skins and at both sizes', async () => {
  const found = [];
  for (const size of [[1920, 1080], [1366, 768]]) {
    const { page, context } = await login(browser, url, { username: 'admin', size });
    for (const path of ['/map', '/alarms', '/orders', '/quarantine', '/ledger', '/wall']) {
      await page.goto(url + path);
      await page.waitForLoadState('networkidle').catch(() => {});
      for (const finding of await axe(page)) found.push(`${path} ${size.join('x')}: ${finding}`);
      await page.screenshot({ path: join(screenshots, `${path.slice(1)}-${size[0]}.png`) });
    }
    await context.close();
  }
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/login`);
  for (const finding of await axe(page)) found.push(`/login: ${finding}`);
  await context.close();
  assert.deepEqual(found, []);
});
