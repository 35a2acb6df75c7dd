# The bridge in an image of its own: docker build -t moq-bridge .
FROM node:20-bookworm AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends build-essential curl ca-certificates \
  && curl --proto '=https' -fsS https://sh.rustup.rs | sh -s -- -y --profile minimal
ENV PATH=/root/.cargo/bin:$PATH
WORKDIR /source
COPY . .
RUN npm run deps
RUN npm run setup
RUN npm run build
RUN node scripts/pack.mjs /packed
RUN npm install --prefix /app --ignore-scripts --omit=dev --no-audit --no-fund /packed/*.tgz

FROM node:20-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /app /app
USER node
# Settings come as environment variables, flags, or --config with a mounted file.
# Beyond the container the admin server needs --admin-token-file as well.
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9090/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/node_modules/moq-bridge/bin/moq-bridge.js"]
CMD ["run", "--admin", "127.0.0.1:9090"]
