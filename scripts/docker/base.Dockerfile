# What every function's image shares: Node, the libraries it needs, and a user without rights. No
# shell, no package manager: less to load into a cluster, less to keep up to date, less to misuse.
FROM node:24-slim AS node
RUN mkdir -p /image/etc /image/tmp /image/app \
  && cp --parents -L $(ldd /usr/local/bin/node | grep -o '/[^ ]*') /usr/local/bin/node /image/ \
  && cp /etc/nsswitch.conf /image/etc/ \
  && echo 'node:x:1000:1000::/app:/sbin/nologin' > /image/etc/passwd \
  && echo 'node:x:1000:' > /image/etc/group \
  && chmod 1777 /image/tmp

FROM scratch
COPY --from=node /image/ /
ENV NODE_ENV=production
WORKDIR /app
# numeric, so that the cluster can prove that it is not root
USER 1000:1000
ENTRYPOINT ["/usr/local/bin/node"]
