// Forms of the pages in real Chromium: a second person for what may kill, out of service and back, and a change of the
// rules by forms: a watch, a fence, topology, a time, and a draft that follows a newer version.
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
  const body = JSON.stringify({ time: Date.now(), code, active: true, severity: 'critical', ...more });
  const result = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', `greenhub/v1/${klass}/${device}/alarm`, '-m', body]);
  assert.equal(result.code, 0, result.stderr);
};
const row = (page, device) => page.getByTestId('alarm-row').filter({ hasText: device }).first();
const state = (page, device) => row(page, device).getAttribute('data-state');
/** A call of the page's own session. */
const call = (page, method, path, body) => page.evaluate(async ({ method, path, body }) => {
  const answer = await fetch(path, { method, headers: { 'Content-Type': 'application/json', 'X-Greenhub-Request': '1' }, body: body === undefined ? undefined : JSON.stringify(body) });
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
}, { method, path, body });

test('a fire is shelved by two people only', async () => {
  const { page, context, errors } = await login(browser, url, { username: 'operator' });
  await page.goto(`${url}/alarms?q=F-FORM-1`);
  await publish('plant', 'F-FORM-1', 'FIRE');
  await row(page, 'F-FORM-1').waitFor();
  await row(page, 'F-FORM-1').locator('.what').click();
  await page.getByTestId('alarm-shelve').first().click();
  await page.getByTestId('shelve-reason').fill('消防演练');
  await page.getByTestId('shelve-submit').click();
  const user = page.getByTestId('witness-user');
  await user.waitFor();
  assert.equal(await state(page, 'F-FORM-1'), 'unacknowledged', 'one person does not hide it');
  await user.fill('operator');
  await page.getByTestId('witness-password').fill('greenhub-demo');
  await page.getByTestId('shelve-submit').click();
  await page.locator('.failure[role="alert"]').waitFor();
  assert.equal(await state(page, 'F-FORM-1'), 'unacknowledged', 'nor does the same person twice');
  await user.fill('dispatcher');
  await page.getByTestId('witness-password').fill('greenhub-demo');
  await page.screenshot({ path: join(screenshots, 'second-person.png') });
  await page.getByTestId('shelve-submit').click();
  await until('it left the board', async () => (await row(page, 'F-FORM-1').count()) === 0);
  assert.deepEqual(errors, []);
  await context.close();
});

test('a device goes out of service with a permit and comes back', async () => {
  const { page, context } = await login(browser, url, { username: 'operator' });
  await publish('charger', 'B-FORM-2', 'OVER_TEMPERATURE');
  await page.goto(`${url}/alarms?view=service`);
  const form = page.getByTestId('service-form');
  const [device, permit, reason] = [0, 1, 2].map((n) => form.locator('input').nth(n));
  await device.fill('B-NOWHERE');
  await permit.fill('W-7');
  await reason.fill('换枪线');
  await form.locator('button[type="submit"]').click();
  await page.locator('.failed[role="alert"]').waitFor();
  assert.equal(await device.inputValue(), 'B-NOWHERE', 'what was typed stays');
  await device.fill('B-FORM-2');
  await form.locator('button[type="submit"]').click();
  const out = page.getByTestId('service-row').filter({ hasText: 'B-FORM-2' });
  await out.getByText('W-7').waitFor();
  // The pointer still rests on the button.
  assert.deepEqual(await axe(page), []);
  await page.screenshot({ path: join(screenshots, 'out-of-service.png') });
  await out.locator('button').click();
  await until('it is back', async () => (await out.count()) === 0);
  await page.goto(`${url}/alarms?q=B-FORM-2`);
  await until('its alarm calls again', async () => (await row(page, 'B-FORM-2').count()) === 1 && (await state(page, 'B-FORM-2')) === 'unacknowledged');
  await context.close();
});

test('watches, fences, topology and a time are changed by forms, and the server speaks at the field', async () => {
  const { page, context, errors } = await login(browser, url, { username: 'dispatcher' });
  await page.goto(`${url}/changes/new`);
  await page.locator('[data-table="watches"]').click();
  await page.getByTestId('list-add').click();
  const form = page.getByTestId('list-form');
  await form.locator('#f-code').fill('NO_SUCH_CODE');
  await form.locator('#f-code').press('Tab');
  await form.locator('.line').filter({ has: page.locator('#f-code') }).getByTestId('field-problem').waitFor();
  await form.locator('#f-code').fill('OVER_TEMPERATURE');
  await form.locator('#f-code').press('Tab');
  await until('no problem left', async () => (await page.getByTestId('field-problem').count()) === 0);
  await form.getByTestId('watch-kind').selectOption('stuck');
  await form.locator('#f-when-point').fill('temperature');
  await form.locator('#f-when-point').press('Tab');
  await page.locator('[data-table="fences"]').click();
  await page.getByTestId('list-add').click();
  await form.locator('#f-title').fill('试验围栏');
  await form.locator('#f-code').fill('SOS');
  await form.locator('#f-code').press('Tab');
  const plan = page.getByTestId('fence-plan');
  const box = await plan.boundingBox();
  for (const [x, y] of [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]) await page.mouse.click(box.x + box.width * x, box.y + box.height * y);
  await until('four corners', async () => (await page.getByTestId('fence-corner').count()) === 4);
  await page.screenshot({ path: join(screenshots, 'change-fence.png'), fullPage: true });
  assert.deepEqual(await axe(page), []);
  await page.locator('[data-table="links"]').click();
  const links = page.getByTestId('links-text');
  await links.fill(`${await links.inputValue()}\npower K-901`);
  await links.press('Tab');
  await page.getByTestId('field-problem').waitFor();
  await links.fill((await links.inputValue()).replace('power K-901', 'power K-901 FEEDER-9'));
  await links.press('Tab');
  await page.getByTestId('diff').getByText('FEEDER-9').first().waitFor();
  const when = new Date(Date.now() + 86_400_000);
  when.setSeconds(0, 0);
  const local = new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  await page.getByTestId('effective-at').fill(local);
  await page.getByTestId('effective-at').press('Tab');
  await page.getByTestId('change-title').fill('表单改规则');
  await page.getByTestId('change-reason').fill('试验');
  await page.getByTestId('change-save').click();
  await page.waitForURL(/\/changes\/\d+$/);
  const id = page.url().split('/').at(-1);
  const { body: kept } = await call(page, 'GET', `/api/v1/changes/${id}`);
  assert.equal(kept.change.effective_at, when.getTime());
  const { body: rules } = await call(page, 'GET', `/api/v1/changes/${id}/rules`);
  assert.equal(rules.fences.find((one) => one.title === '试验围栏').polygon.length, 4);
  assert.deepEqual(rules.watches.at(-1).when, { stuck: { point: 'temperature', for_ms: 1_800_000, epsilon: 0 } });
  assert.deepEqual(rules.correlate.links.power['K-901'], ['FEEDER-9']);
  // A second edit of the draft keeps the first ones.
  await page.locator('[data-table="limits"]').click();
  const cell = page.locator('[data-path="/limits/0/limit"]');
  await cell.fill(String(Number(await cell.inputValue()) + 1));
  await cell.press('Tab');
  await page.getByTestId('change-save').click();
  await until('saved', async () => (await call(page, 'GET', `/api/v1/changes/${id}`)).body.change.candidate > kept.change.candidate);
  const { body: again } = await call(page, 'GET', `/api/v1/changes/${id}/rules`);
  assert.equal(again.fences.at(-1).title, '试验围栏', 'the first edits are still there');
  assert.equal(again.limits[0].limit, rules.limits[0].limit + 1);
  assert.deepEqual(errors, []);
  await context.close();
});

test('a stale draft follows the newest version, and what meets is named', async () => {
  const asker = await login(browser, url, { username: 'dispatcher' });
  const judge = await login(browser, url, { username: 'operator' });
  const begin = async (page, edits, title) => (await call(page, 'POST', '/api/v1/changes', { title, reason: '试验', edits })).body.change;
  const now = (await call(asker.page, 'GET', '/api/v1/rules')).body.rules;
  const mine = await begin(asker.page, [{ op: 'replace', path: '/limits/0/limit', value: now.limits[0].limit + 2 }, { op: 'replace', path: '/limits/1/deadband', value: now.limits[1].deadband + 0.5 }], '我的');
  const other = await begin(judge.page, [{ op: 'replace', path: '/limits/0/limit', value: now.limits[0].limit + 3 }, { op: 'replace', path: '/limits/0/deadband', value: now.limits[0].deadband + 0.25 }], '他人的');
  const urgent = await call(judge.page, 'POST', `/api/v1/changes/${other.id}/emergency`, { comment: '试验：立即生效' });
  assert.equal(urgent.status, 200, JSON.stringify(urgent.body));
  await until('in force', async () => (await call(asker.page, 'GET', `/api/v1/changes/${mine.id}`)).body.stale);
  const { page } = asker;
  await page.goto(`${url}/changes/${mine.id}`);
  const conflict = page.getByTestId('rebase-conflict');
  await conflict.waitFor();
  assert.equal(await conflict.count(), 1, 'one place meets, the others do not');
  assert.match(await conflict.innerText(), /limit/);
  await page.screenshot({ path: join(screenshots, 'change-rebase.png'), fullPage: true });
  await conflict.getByTestId('rebase-theirs').check();
  await page.getByTestId('rebase-go').click();
  await until('the draft stands on the newest', async () => !(await call(page, 'GET', `/api/v1/changes/${mine.id}`)).body.stale);
  const { body: rules } = await call(page, 'GET', `/api/v1/changes/${mine.id}/rules`);
  assert.equal(rules.limits[0].limit, now.limits[0].limit + 3, 'theirs was chosen');
  assert.equal(rules.limits[0].deadband, now.limits[0].deadband + 0.25, 'theirs alone');
  assert.equal(rules.limits[1].deadband, now.limits[1].deadband + 0.5, 'mine alone');
  await asker.context.close();
  await judge.context.close();
});

test('a latched alarm is reset once its condition is gone, and a fold is undone with a reason', async () => {
  const { page, context, errors } = await login(browser, url, { username: 'operator' });
  const [klass, code] = ['charger', 'OVER_VOLTAGE'];
  const edits = [{ op: 'add', path: `/types/${klass}/${code}/latching`, value: true }];
  const { change } = (await call(page, 'POST', '/api/v1/changes', { title: '保持', reason: '试验', edits })).body;
  assert.equal((await call(page, 'POST', `/api/v1/changes/${change.id}/emergency`, { comment: '试验' })).status, 200);
  await until('in force', async () => (await call(page, 'GET', '/api/v1/rules')).body.running_version === (await call(page, 'GET', `/api/v1/changes/${change.id}`)).body.change.version);
  await page.goto(`${url}/alarms?q=L-FORM-1`);
  await publish(klass, 'L-FORM-1', code);
  await row(page, 'L-FORM-1').waitFor();
  await row(page, 'L-FORM-1').locator('.what').click();
  await page.getByTestId('card-ack').first().click();
  await publish(klass, 'L-FORM-1', code, { active: false, time: Date.now() + 1 });
  await until('latched', async () => (await state(page, 'L-FORM-1')) === 'latched_acknowledged');
  await page.getByTestId('alarm-reset').first().click();
  await until('it is over', async () => (await row(page, 'L-FORM-1').count()) === 0);
  const devices = (await call(page, 'GET', '/api/v1/devices?class=light&limit=1000')).body.items;
  const lamp = devices.find((one) => one.parent !== null);
  await page.goto(`${url}/alarms`);
  await publish('light', lamp.parent, 'CIRCUIT_TRIP');
  await publish('light', lamp.id, 'SUPPLY_LOSS');
  const cause = page.locator(`.board-row[data-alarm-id^="${lamp.parent}."]`);
  await cause.waitFor();
  await cause.getByTestId('alarm-fold').waitFor();
  await page.goto(`${url}/alarms?sel=${(await call(page, 'GET', `/api/v1/alarms?source=${lamp.id}&standing=true`)).body.items[0].id}`);
  await page.getByTestId('alarm-unfold').first().click();
  const form = page.locator('form').filter({ has: page.locator('button[type="submit"]') }).filter({ hasNot: page.locator('[data-testid="bulk-comment"]') }).last();
  await form.locator('input').fill('线路已复电，此灯仍不亮');
  await form.locator('button[type="submit"]').click();
  await until('it stands on its own', async () => (await call(page, 'GET', `/api/v1/alarms?source=${lamp.id}&standing=true`)).body.items[0].folded_under == null);
  assert.deepEqual(errors, []);
  await context.close();
});

test('weights, stand-ins, default types and alarm texts are changed by forms, and the server speaks at the field', async () => {
  const { page, context, errors } = await login(browser, url, { username: 'dispatcher', size: [1366, 768] });
  await page.goto(`${url}/changes/new`);
  const form = page.getByTestId('list-form');
  const sheet = async (name, add = true) => {
    await page.locator(`[data-table="${name}"]`).click();
    if (add) await page.getByTestId('list-add').click();
    await form.waitFor();
  };
  const fill = async (field, text) => {
    await form.locator(`#f-${field}`).fill(text);
    await form.locator(`#f-${field}`).press('Tab');
  };
  const problem = (field) => form.locator('.line').filter({ has: page.locator(`#f-${field}`) }).getByTestId('field-problem');
  const clean = () => until('no problem left', async () => (await page.locator('.problem').count()) === 0);

  await sheet('places');
  await problem('title').waitFor();
  await fill('title', '示范医院');
  await fill('sub_district', '云杉示范街道');
  await fill('points', '很多');
  await problem('points').waitFor();
  await fill('points', '12');
  await clean();

  await sheet('people');
  await fill('title', '小学门口');
  await fill('sub_district', '云杉示范街道');
  for (const day of ['一', '五']) await form.locator('#f-days').getByRole('button', { name: day, exact: true }).click();
  await fill('from', '07:00');
  await clean();

  await sheet('hours');
  await fill('title', '午休');
  await fill('from', '12:00');
  await fill('to', '12:00');
  await form.locator('.problem').waitFor();
  await fill('to', '13:30');
  await clean();

  await sheet('redundancy');
  await fill('title', '引风机');
  await fill('members', 'FUR-1');
  await problem('members').waitFor();
  await fill('members', 'FUR-1, FUR-2, FUR-3');
  await fill('codes', 'FURNACE_TEMP_LOW');
  await form.getByTestId('lost-add').click();
  await form.getByTestId('lost-table').locator('input').nth(2).fill('9');
  await form.getByTestId('lost-table').locator('input').nth(2).press('Tab');
  await problem('points').waitFor();
  await form.getByTestId('lost-table').locator('input').nth(2).fill('2');
  await form.getByTestId('lost-table').locator('input').nth(2).press('Tab');
  await clean();
  assert.deepEqual(await axe(page), []);
  await page.screenshot({ path: join(screenshots, 'change-stand-ins.png'), fullPage: true });

  await sheet('defaults', false);
  await page.getByTestId('list-row').filter({ hasText: '景观灯光' }).click();
  await fill('title', '');
  await problem('title').waitFor();
  await page.getByTestId('list-undo').click();
  await clean();
  await fill('action', '先看控制柜，再登记代码');
  await form.locator('[id="f-weights.safety"]').selectOption('1');

  await sheet('texts', false);
  await page.getByTestId('list-search').fill('OVER_TEMPERATURE');
  await page.getByTestId('list-row').filter({ hasText: '充电桩' }).first().click();
  await fill('cause', '散热风道堵塞');
  await clean();
  assert.deepEqual(await axe(page), []);

  await page.getByTestId('change-title').fill('表单改优先级');
  await page.getByTestId('change-reason').fill('试验');
  await page.getByTestId('change-save').click();
  await page.waitForURL(/\/changes\/\d+$/);
  const { body: rules } = await call(page, 'GET', `/api/v1/changes/${page.url().split('/').at(-1)}/rules`);
  assert.deepEqual(rules.priority.places.at(-1), { title: '示范医院', sub_district: '云杉示范街道', points: 12 });
  assert.deepEqual(rules.priority.people, [{ title: '小学门口', sub_district: '云杉示范街道', from: '07:00', to: '08:30', days: [1, 5], points: 5 }]);
  assert.deepEqual(rules.priority.hours.at(-1), { title: '午休', from: '12:00', to: '13:30', points: 5 });
  assert.deepEqual(rules.priority.redundancy, [{ title: '引风机', members: ['FUR-1', 'FUR-2', 'FUR-3'], codes: ['FURNACE_TEMP_LOW'], points: [{ lost: 1, points: 5 }, { lost: 2, points: 10 }] }]);
  assert.equal(rules.defaults.light.action, '先看控制柜，再登记代码');
  assert.equal(rules.defaults.light.weights.safety, 1);
  assert.equal(rules.types.charger.OVER_TEMPERATURE.cause, '散热风道堵塞');
  assert.deepEqual(errors, []);
  await context.close();
});

test('alarms get the kind of their case by a form, and a wrong code is told at its row', async () => {
  const { page, context, errors } = await login(browser, url, { username: 'admin', size: [1366, 768] });
  await page.goto(`${url}/orders/rules?part=kinds`);
  const line = (name) => page.locator(`[data-kind-of="${name}"]`);
  await page.getByTestId('kind-alarm').fill('SOS');
  await page.getByTestId('kind-new').getByTestId('code-search').fill('06042');
  await page.getByTestId('kind-new').getByTestId('code-option').first().click();
  await page.getByTestId('kind-add').click();
  await line('SOS').getByTestId('kind-code').fill('99999');
  await line('SOS').getByTestId('kind-code').press('Tab');
  await page.getByTestId('rules-save').click();
  await line('SOS').getByTestId('rule-problem').waitFor();
  assert.match(await line('SOS').getByTestId('rule-problem').innerText(), /99999/);
  assert.equal(await page.locator('[data-part-link="kinds"] .wrong').innerText(), '1');
  assert.deepEqual(await axe(page), []);
  await page.screenshot({ path: join(screenshots, 'alarm-kinds.png') });
  await line('SOS').getByTestId('kind-code').fill('06042');
  await line('SOS').getByTestId('kind-code').press('Tab');
  await line('patrol').getByTestId('code-search').fill('06028');
  await line('patrol').getByTestId('code-option').first().click();
  await page.getByTestId('rules-save').click();
  await page.locator('[role="status"]').filter({ hasText: '版' }).waitFor();
  const { body } = await call(page, 'GET', '/api/v1/dispatch/rules');
  assert.equal(body.rules.alarm_kinds.SOS.code, '06042');
  assert.equal(body.rules.class_kinds.patrol.code, '06028');
  assert.deepEqual(errors, []);
  await context.close();
});

test('an assignment goes back to nobody, and a check takes its own photo beside the others', async () => {
  const { page, context, errors } = await login(browser, url, { size: [1366, 768] });
  const crew = await login(browser, url, { username: 'crew', size: [390, 844] });
  const form = { source: 'desk', title: '收回指派', priority: 'P2', place: { lon: 121.4, lat: 31.21, address: '云杉路 18 号' } };
  const { id } = (await call(page, 'POST', '/api/v1/orders', { request_id: 'form-1', file: true, form })).body;
  const stored = async () => (await call(page, 'GET', `/api/v1/orders/${id}`)).body.order;
  await page.goto(`${url}/orders/${id}`);
  await page.getByTestId('candidate-other').selectOption('p:crew');
  await page.getByTestId('candidates').getByRole('button', { name: '指派', exact: true }).last().click();
  await page.getByTestId('held-by').waitFor();
  assert.equal((await stored()).assignee, 'crew');
  await page.getByTestId('unassign').click();
  await until('nobody has it', async () => (await page.getByTestId('held-by').count()) === 0);
  const free = await stored();
  assert.deepEqual([free.assignee ?? null, free.team ?? null, free.state], [null, null, 'filed']);
  await page.keyboard.press('z');
  await until('undo gives it back', async () => (await stored()).assignee === 'crew');

  const act = async (who, event) => {
    const answer = await call(who, 'POST', `/api/v1/orders/${id}/acts`, { request_id: `form-${event.act}`, event });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  };
  await act(page, { act: 'dispatch', to: null, reason: '' });
  await act(crew.page, { act: 'accept' });
  await act(crew.page, { act: 'arrive', lon: 121.4, lat: 31.21 });
  await act(crew.page, { act: 'finish', text: '已处置', attachments: [] });
  const desk = page.getByTestId('check-desk');
  await desk.getByTestId('photo-pairs').waitFor();
  await desk.locator('[data-act="pass"]').click();
  await desk.getByTestId('photo-add').setInputFiles({ name: '说明.txt', mimeType: 'text/plain', buffer: Buffer.from('not a photo') });
  await desk.locator('.wrong[role="alert"]').waitFor();
  await desk.getByTestId('photo-add').setInputFiles({ name: '核查.png', mimeType: 'image/png', buffer: await page.screenshot() });
  await desk.locator('img[src*="/thumb"]').waitFor();
  await desk.getByTestId('act-text').fill('现场整洁');
  assert.deepEqual(await axe(page), []);
  await page.screenshot({ path: join(screenshots, 'check-desk.png') });
  await desk.getByTestId('act-send').click();
  await until('closed', async () => (await stored()).state === 'closed');
  assert.deepEqual((await stored()).attachments.map((one) => one.role), ['check']);
  assert.deepEqual(errors, []);
  await crew.context.close();
  await context.close();
});
