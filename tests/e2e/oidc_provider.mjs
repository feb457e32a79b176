// An OpenID provider at which everybody signs in as the address that they type: npm's oidc-provider, with everything in memory.
// Arguments: the folder with node_modules, and where people are sent back to.
import http from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, redirect] = process.argv.slice(2);
const library = join(tools, "node_modules/oidc-provider/lib/index.js");
const { default: Provider } = await import(pathToFileURL(library));

const SCOPES = "openid email profile";

function settings() {
  return {
    clients: [
      {
        client_id: "chandlery",
        client_secret: "a-secret-of-corp",
        redirect_uris: [redirect],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username", "groups"] },
    cookies: { keys: ["only-for-tests"] },
    pkce: { required: () => true },
    // Nobody is asked for consent: the organisation has given it.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({
        clientId: oidc.client.clientId,
        accountId: oidc.session.accountId,
      });
      grant.addOIDCScope(SCOPES);
      await grant.save();
      return grant;
    },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: id,
        email_verified: !id.startsWith("unverified"),
        preferred_username: id.split("@")[0],
        // What stands after each `+` of the address.
        groups: id.split("@")[0].split("+").slice(1),
      }),
    }),
  };
}

const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on("request", new Provider(issuer, settings()).callback());
  console.log(`provider at ${issuer}`);
});
