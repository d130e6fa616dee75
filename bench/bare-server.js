import fastify from 'fastify';
import { Pool } from 'pg';

/**
 * What any start over this framework and this driver has to pay: one route, which asks the database whether it answers.
 * Plain JavaScript, so that no compiler is part of what is measured.
 */
const { DATABASE_URL, DATABASE_POOL_SIZE, PORT } = process.env;
// The embedded database is ours alone: beside it the bare framework has none.
const pool = DATABASE_URL ? new Pool({ connectionString: DATABASE_URL, max: Number(DATABASE_POOL_SIZE) }) : undefined;
const app = fastify();
app.get('/readyz', async () => {
  await pool?.query('SELECT 1');
  return { status: 'ready' };
});
process.once('SIGTERM', () => process.exit(0));
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
