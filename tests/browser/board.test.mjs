// The operator's board in real Chromium: keyboard, bulk, shelf, folds; the report pages; a change of the rules by two people.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { run, startHub, until } from '../clients/kit.mjs';
import { axe, launch, login, screenshots } from './kit.mjs';

let hub, browser, url;
before(async () => {
  hub = await startHub();
  url = hub.url;
  browser = await launch();
});
after(async () => { await browser?.close(); await hub?.stop(); hub?.forget(); });

const publish = async (klass, device, code, more = {}) => {
  const body = JSON.stringify({ time: Date.now(), code, active: true, severity: 'major', ...more });
  const result = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', `greenhub/v1/${klass}/${device}/alarm`, '-m', body]);
  assert.equal(result.code, 0, result.stderr);
};
const row = (page, device) => page.getByTestId('alarm-row').filter({ hasText: device }).first();
const state = (page, device) => row(page, device).getAttribute('data-state');

test('keys alone: move, acknowledge, shelve with a reason, and back from the shelf list', async () => {
  const { page, context, errors } = await login(browser, url, { username: 'operator' });
  await page.goto(`${url}/alarms`);
  await publish('charger', 'B-KEY-1', 'OVER_TEMPERATURE');
  await row(page, 'B-KEY-1').waitFor();
  await publish('charger', 'B-KEY-2', 'OVER_TEMPERATURE');
  await row(page, 'B-KEY-2').waitFor();
  await page.getByTestId('board').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await until('the cursor on the later one, for rows stand in first-out order', async () => (await row(page, 'B-KEY-2').getAttribute('class')).split(' ').includes('at'));
  await page.keyboard.press('a');
  await until('the second acknowledged', async () => (await state(page, 'B-KEY-2')) === 'acknowledged');
  assert.equal(await state(page, 'B-KEY-1'), 'unacknowledged', 'and only that one');
  await page.keyboard.press('s');
  await page.getByTestId('shelve-reason').waitFor();
  await page.keyboard.type('更换接头');
  await page.keyboard.press('Enter');
  await until('it left the board', async () => (await row(page, 'B-KEY-2').count()) === 0);
  await page.goto(`${url}/alarms?view=shelf`);
  const shelved = page.getByTestId('shelf-row').filter({ hasText: 'B-KEY-2' });
  await shelved.waitFor();
  await shelved.getByTestId('unshelve').click();
  await until('it left the shelf', async () => (await shelved.count()) === 0);
  await page.goto(`${url}/alarms`);
  await row(page, 'B-KEY-2').waitFor();
  assert.deepEqual(errors, []);
  await context.close();
});

test('a range is selected and acknowledged with one comment', async () => {
  const { page, context } = await login(browser, url, { username: 'operator' });
  await page.goto(`${url}/alarms?q=B-BULK`);
  for (let n = 1; n <= 4; n += 1) await publish('charger', `B-BULK-${n}`, 'OVER_TEMPERATURE');
  await until('four rows', async () => (await page.getByTestId('alarm-row').filter({ visible: true }).count()) === 4);
  await page.getByTestId('board').focus();
  await page.keyboard.press('j');
  for (let n = 0; n < 2; n += 1) await page.keyboard.press('J');
  await until('three rows selected', async () => (await page.locator('.board-row[aria-selected="true"]').count()) === 3);
  await page.getByTestId('bulk-comment').fill('同一起停电');
  await page.getByTestId('bulk-ack').click();
  await until('three acknowledged', async () => {
    const states = await page.getByTestId('alarm-row').filter({ visible: true }).evaluateAll((rows) => rows.map((one) => one.dataset.state));
    return states.filter((one) => one === 'acknowledged').length === 3 && states.filter((one) => one === 'unacknowledged').length === 1;
  });
  await page.locator('.board-row[data-state="acknowledged"]').first().click();
  await page.getByTestId('timeline').getByText('同一起停电').waitFor();
  await context.close();
});

test('consequences stand folded under their cause and open with a key', async () => {
  const { page, context } = await login(browser, url, { username: 'operator' });
  await page.goto(`${url}/alarms`);
  const { circuit, lamps } = await page.evaluate(async () => {
    const all = [];
    for (let cursor = ''; ;) {
      const answer = await (await fetch(`/api/v1/devices?class=light&limit=1000${cursor && `&cursor=${cursor}`}`)).json();
      all.push(...answer.items);
      if (answer.next === null) break;
      cursor = encodeURIComponent(answer.next);
    }
    const lamp = all.find((one) => one.parent !== null);
    return { circuit: lamp.parent, lamps: all.filter((one) => one.parent === lamp.parent).slice(0, 2).map((one) => one.id) };
  });
  // The consequence comes first.
  await publish('light', lamps[0], 'SUPPLY_LOSS');
  await publish('light', circuit, 'CIRCUIT_TRIP');
  await publish('light', lamps[1], 'SUPPLY_LOSS');
  const cause = page.locator(`.board-row[data-alarm-id^="${circuit}."]`);
  await cause.waitFor();
  await until('two consequences under it', async () => (await cause.getByTestId('alarm-fold').innerText()).includes('2'));
  assert.equal(await page.locator('.board-row[data-depth="1"]:visible').count(), 0, 'closed at first');
  await cause.locator('.what').click();
  await page.getByTestId('fold-child').nth(1).waitFor();
  await page.keyboard.press('e');
  await until('both below it', async () => (await page.locator('.board-row[data-depth="1"]:visible').count()) === 2);
  await page.screenshot({ path: join(screenshots, 'alarms-folded.png') });
  await context.close();
});

test('the KPI page counts the calls of today', async () => {
  const { page, context } = await login(browser, url, { username: 'operator' });
  await page.goto(`${url}/kpi?period=today`);
  await page.locator('[data-kpi="per_hour"]').waitFor();
  assert.equal(await page.locator('[data-kpi]').count(), 12);
  const value = Number((await page.locator('[data-kpi="per_day"] b').innerText()).replace(/[^\d.]/g, ''));
  assert.ok(value > 0, `calls a day: ${value}`);
  await page.goto(`${url}/handover?period=today`);
  await page.getByTestId('handover').getByText('B-BULK-4').first().waitFor();
  await context.close();
});

test('a limit changes by one person\'s request and another one\'s approval, after a back-test', async () => {
  const asker = await login(browser, url, { username: 'dispatcher' });
  const { page } = asker;
  await page.goto(`${url}/changes/new`);
  const cell = page.locator('[data-path="/limits/0/limit"]');
  await cell.waitFor();
  const old = Number(await cell.inputValue());
  await cell.fill(String(old + 1));
  await cell.press('Tab');
  await page.getByTestId('diff').waitFor();
  await page.getByTestId('change-title').fill('限值调整');
  await page.getByTestId('change-reason').fill('一周来反复触发，操作员无需动作');
  await page.getByTestId('change-save').click();
  await page.waitForURL(/\/changes\/\d+$/);
  const at = page.url();
  await page.getByTestId('backtest-run').click();
  await page.locator('[data-testid="backtest"][data-state="done"]').waitFor({ timeout: 120_000 });
  await page.getByTestId('change-submit').click();
  await page.locator('.track [aria-current]').getByText('技术审核').waitFor();
  assert.equal(await page.getByTestId('change-approve').count(), 0, 'nobody approves the own request');
  const judge = await login(browser, url, { username: 'operator' });
  await judge.page.goto(at);
  await judge.page.getByTestId('change-review').click();
  await judge.page.getByTestId('change-approve').click();
  await until('in force', async () => {
    await judge.page.goto(at);
    return judge.page.locator('.track [aria-current]').getByText('已生效').waitFor({ timeout: 3_000 }).then(() => true, () => false);
  });
  await judge.page.screenshot({ path: join(screenshots, 'change-in-force.png') });
  await asker.context.close();
  await judge.context.close();
});

test('axe finds nothing serious on the new screens, in both skins', async () => {
  const found = [];
  for (const skin of ['seat', 'wall']) {
    const { page, context } = await login(browser, url, { username: 'admin', size: [1366, 768] });
    await page.evaluate((name) => localStorage.setItem('greenhub.skin', name), skin);
    for (const path of ['/alarms', '/alarms?view=shelf', '/alarms?view=service', '/alarms?view=sources', '/alarms?view=history', '/kpi', '/handover', '/changes', '/changes/new', '/changes/1', '/notify', '/notify?view=journal']) {
      await page.goto(url + path);
      await page.waitForLoadState('networkidle').catch(() => {});
      if (path === '/alarms') {
        await page.getByTestId('alarm-row').first().waitFor();
        await page.getByTestId('board').focus();
        await page.keyboard.press('j');
        await page.keyboard.press('x');
        await page.keyboard.press('Enter');
        await page.getByTestId('timeline').waitFor();
      }
      for (const finding of await axe(page)) found.push(`${path} ${skin}: ${finding}`);
      await page.screenshot({ path: join(screenshots, `${path.slice(1).replace(/\W+/g, '-')}-${skin}.png`) });
    }
    await context.close();
  }
  assert.deepEqual(found, []);
});
