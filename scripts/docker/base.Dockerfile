# What every function's image shares: Node on a minimal system, a user without rights, and nothing
# that has to be kept up to date besides. One layer on the node for all functions.
FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
# numeric, so that the cluster can prove that it is not root
USER 1000:1000
