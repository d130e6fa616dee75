import { test } from 'vitest';
import { buildTestApp } from '../test/setup.ts';
import { createWorld } from '../test/world.ts';
test('x', async () => {
  const app = await buildTestApp(); const world = await createWorld(app);
  const r = await world.call('POST','/v1/authentication/users',{headers:{'content-type':'application/json'},body:'{"a"'});
  console.log(r.body, r.headers);
  const r2 = await world.call('POST','/v1/authorization/organizations/setup',{token:world.admin.token,body:{metadata:{"":"x","a\0":"y"},customRoles:[{key:'ORG_OWNER'}]}});
  console.log(r2.body);
  const r3 = await world.call('POST','/v1/authorization/organizations/setup',{token:world.admin.token,body:[]});
  console.log(r3.body);
  for (const o of [undefined,'https://evil.example','null']) {
  const p = await app.app.inject({method:'OPTIONS',url:'/v1/authentication/users',headers:{...(o&&{origin:o}),'access-control-request-method':'POST'}});
  console.log(p.statusCode,p.headers,p.body);}
});
