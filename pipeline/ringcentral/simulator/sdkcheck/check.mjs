// Tries the simulator as a RingCentral application would: log in with a JWT, page through the company call log, get one
// record and a batch, log out. The environment is what `trunkline simulate` prints.
import {SDK} from '@ringcentral/sdk';

const {RC_SERVER_URL, RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET, RC_USER_JWT} = process.env;
let passed = 0;

function check(what, ok, detail) {
  if (!ok) {
    console.error(`failed: ${what}: ${JSON.stringify(detail)}`);
    console.log(`${passed} passed, 1 failed`);
    process.exit(1);
  }
  console.log(`ok ${what}`);
  passed++;
}

const sdk = new SDK({server: RC_SERVER_URL, clientId: RC_APP_CLIENT_ID, clientSecret: RC_APP_CLIENT_SECRET});
const platform = sdk.platform();
await platform.login({jwt: RC_USER_JWT});
check('login with a JWT', await platform.loggedIn());

const account = await (await platform.get('/restapi/v1.0/account/~')).json();
check('account', /^[0-9]+$/.test(String(account.id)), account);

const to = new Date(Date.now() - 60_000);
const from = new Date(to.getTime() - 3 * 24 * 3600_000);
const seen = new Map();
let pages = 0;
let query = {view: 'Detailed', dateFrom: from.toISOString(), dateTo: to.toISOString(), perPage: 50, page: 1};
for (let more = true; more; query = {...query, page: query.page + 1}) {
  const page = await (await platform.get('/restapi/v1.0/account/~/call-log', query)).json();
  for (const record of page.records) seen.set(record.id, record);
  more = Boolean(page.navigation.nextPage);
  pages++;
}
check(`company call log: ${seen.size} records on ${pages} pages`, pages > 1 && seen.size > 50 * (pages - 1), {pages, records: seen.size});

const [first, second] = seen.keys();
const one = await (await platform.get(`/restapi/v1.0/account/~/call-log/${first}`, {view: 'Detailed'})).json();
check('one record', one.id === first && one.legs.length === seen.get(first).legs.length, one);

const many = await platform.get(`/restapi/v1.0/account/~/call-log/${first},${second}`);
check('two records in a batch', many.status === 207, many.status);

await platform.logout();
check('logout', !(await platform.loggedIn()));
console.log(`${passed} passed, 0 failed`);
