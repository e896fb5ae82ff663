// Makes fetch obey HTTPS_PROXY where Node doesn't by itself (before 22.21, and 24 without NODE_USE_ENV_PROXY=1):
// NODE_OPTIONS="--import ./proxy.mjs". The program itself stays as it is.
import { EnvHttpProxyAgent, setGlobalDispatcher } from "undici";

setGlobalDispatcher(new EnvHttpProxyAgent());
