import { use } from './use.mjs';

const { GATEHOUSE_URL: url, GATEHOUSE_APP: app, GATEHOUSE_EMAIL: email, GATEHOUSE_PASSWORD: password } = process.env;
process.stdout.write(`${await use({ url, app, email, password })}\n`);
