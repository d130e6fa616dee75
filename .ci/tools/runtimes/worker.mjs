import { use } from './use.mjs';

export default {
  async fetch(request) {
    const place = await request.json();
    return use(place).then(
      (seen) => new Response(seen),
      (error) => new Response(String(error), { status: 500 }),
    );
  },
};
