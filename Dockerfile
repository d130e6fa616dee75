# The image of Gatehouse: `docker build --tag gatehouse .` in this directory. docs/guides/deployment.md shows how to
# run it.

FROM node:24-bookworm-slim AS build
WORKDIR /source
# Packages first, so that a change of the sources does not install them again.
COPY package.json package-lock.json ./
COPY server/package.json server/
COPY bench/package.json bench/
COPY sdk/package.json sdk/
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY LICENSE README.md SECURITY.md CHANGELOG.md tsconfig.base.json ./
COPY docs docs
COPY scripts/production-tree.sh scripts/
COPY server server
COPY sdk/src sdk/src
RUN npm run build && scripts/production-tree.sh /gatehouse

FROM node:24-bookworm-slim
# Root owns the files, so that the service cannot change them. The service needs no writable directory.
COPY --from=build /gatehouse /gatehouse
WORKDIR /gatehouse
USER node
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
EXPOSE 3000
# Liveness: an orchestrator must not restart the service because the database is unavailable. Route traffic by /readyz.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["node", "-e", \
    "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "server/dist/main.js"]
