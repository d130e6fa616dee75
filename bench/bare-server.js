import fastify from 'fastify';
import { Pool } from 'pg';

/**
 * The minimal cost of a start with this framework and this driver: one route, which checks whether the database
 * responds. Plain JavaScript, so that no compiler is measured.
 */
const { DATABASE_URL, DATABASE_POOL_SIZE, PORT } = process.env;
// Only the service has the embedded database; the bare framework has none.
const pool = DATABASE_URL ? new Pool({ connectionString: DATABASE_URL, max: Number(DATABASE_POOL_SIZE) }) : undefined;
const app = fastify();
app.get('/readyz', async () => {
  await pool?.query('SELECT 1');
  return { status: 'ready' };
});
process.once('SIGTERM', () => process.exit(0));
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
