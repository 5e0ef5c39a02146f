# One image for every service; the command picks the service:
#
#   docker build -t dfs .
#   docker run … dfs node services/chunk-server/src/main.ts
#
# It holds the sources of the workspace, which Node runs as they are, and the production dependencies of pnpm-lock.yaml.
#
# NODE_IMAGE is the official image. Where no registry can be reached, scripts/docker-base.sh makes a stand-in. There is
# no "# syntax=" line, because it would pull a frontend; heredocs, COPY --link and the like are left out for the sake of
# engines from 20.10 on.
ARG NODE_IMAGE=node:26-slim

FROM ${NODE_IMAGE} AS build
ARG PNPM_VERSION=12.21.0
# The optional packages are the developers' Node; the image has its own.
ENV CI=1 npm_config_update_notifier=false pnpm_config_optional=false
RUN npm install --global --no-fund --no-audit --loglevel=error "pnpm@${PNPM_VERSION}"
WORKDIR /app
# The dependencies change seldom, so they are a layer of their own that only the lockfile decides.
COPY pnpm-lock.yaml pnpm-workspace.yaml .pnpmfile.mjs ./
RUN pnpm fetch --prod
COPY . .
RUN pnpm install --prod --no-optional --frozen-lockfile --offline

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
# A new named volume takes over the owner of the directory that it is mounted on. The ids are numbers, so that they mean
# the same on every base.
RUN mkdir /data /keys && chown 1000:1000 /data /keys && chmod 700 /data /keys \
  && ln -s /app/packages/cli/bin/dfs.cjs /usr/local/bin/dfs \
  && ln -s /app/scripts/container/service /usr/local/bin/dfs-service
WORKDIR /app
COPY --from=build /app ./
# The compiled form of the sources, made once here instead of at every start; it belongs to a user and cannot be written
# later. Without settings each service compiles everything, says what it lacks, and ends with 78.
ENV NODE_COMPILE_CACHE=/var/cache/dfs
RUN mkdir /var/cache/dfs && chown 1000:1000 /var/cache/dfs
USER 1000:1000
RUN for service in master chunk-server gateway; do \
  dfs-service "$service" >/dev/null; [ $? -eq 78 ] || exit 1; done
HEALTHCHECK --interval=20s --timeout=5s --start-period=30s --retries=3 CMD ["node", "scripts/container/health.cjs"]
CMD ["dfs-service", "master"]
