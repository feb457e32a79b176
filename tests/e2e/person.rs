//! Somebody at a terminal: the command line in a folder of their own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chandlery_package::artifact::{Artifact, MANIFEST_MEDIA_TYPE};
use chandlery_package::problem::Problem;
use chandlery_package::signature::{SignedPayload, signature_tag};
use chandlery_package::wire::NewRelease;
use chandlery_package::{Component, Digest, PluginId, PrivateKey};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::process::{binary, workspace};

const PASSWORD: &str = "correct horse battery";

/// Someone at a terminal.
pub struct Person {
    pub name: String,
    pub home: PathBuf,
    /// The registry's address.
    pub registry: String,
    /// The host's address, and where its token is.
    pub host: Option<(String, PathBuf)>,
}

/// A client of servers without TLS, which does not read the machine's certificates.
pub fn plain_client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).build().unwrap()
}

impl Person {
    /// Somebody of another registry than a world's.
    pub fn at(name: &str, folder: &Path, registry: &str) -> Self {
        Self { name: name.into(), home: folder.join(name), registry: registry.into(), host: None }
    }

    /// What the registry's API answers this person.
    pub fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.registry);
        let answer = Runtime::new().unwrap().block_on(async {
            plain_client().get(url).bearer_auth(self.token()).send().await.unwrap().text().await.unwrap()
        });
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{path}: {answer}"))
    }

    /// Reads all pages of one of the registry's lists.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let first = format!("{path}{}limit=1000", if path.contains('?') { '&' } else { '?' });
        let (mut items, mut asked) = (Vec::new(), first.clone());
        loop {
            let page = self.get(&asked);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => asked = format!("{first}&after={next}"),
                None => return items,
            }
        }
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(words).env("CHANDLERY_HOME", &self.home).env_remove("COLUMNS");
        command.env("CHANDLERY_REGISTRY", format!("http://{}", self.registry));
        // Plugins in Rust share the library that was built for those of the workspace.
        command.env("CARGO_TARGET_DIR", workspace().join("target"));
        if let Some((address, token)) = &self.host {
            command.env("CHANDLERY_HOST", format!("http://{address}"));
            command.env("CHANDLERY_HOST_TOKEN", fs::read_to_string(token).unwrap_or_default());
        }
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a command that must succeed, and reads the JSON that it prints.
    pub fn ok(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--json"]].concat());
        assert!(
            output.status.success(),
            "{} {words:?}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Runs a command that must succeed, and gives what it prints.
    pub fn text(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(
            output.status.success(),
            "{} {words:?}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must be refused, and gives the problem and the exit code.
    pub fn refused(&self, words: &[&str]) -> (Problem, i32) {
        let output = self.run(&[words, &["--json"]].concat());
        assert!(!output.status.success(), "{} {words:?} was not refused", self.name);
        let text = String::from_utf8_lossy(&output.stderr);
        let problem = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        let problem = problem.unwrap_or_else(|| panic!("{words:?} told no problem: {text}"));
        (problem, output.status.code().unwrap())
    }

    /// Runs a command that must be refused, and gives what it prints.
    pub fn refused_text(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(!output.status.success(), "{} {words:?} was not refused", self.name);
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub fn register(&self) {
        self.with_input(&["register", &self.name], PASSWORD);
    }

    pub fn login(&self, password: &str) {
        self.with_input(&["login", &self.name], password);
    }

    /// Gives the host a secret.
    pub fn set_secret(&self, name: &str, value: &str) {
        self.with_input(&["secrets", "set", name], value);
    }

    /// Tells an integration of an event that never was: the word for how it failed and in words, or nothing; and what it
    /// did.
    pub fn try_integration(&self, name: &str) -> (String, String, Value) {
        let output = self.run(&["integrations", "try", name, "--json"]);
        let tried: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let problem = |field: &str| tried["problem"][field].as_str().unwrap_or_default().to_owned();
        (problem("type"), problem("detail"), tried["uses"].clone())
    }

    /// Runs a command that must succeed, and that reads this.
    pub fn with_input(&self, words: &[&str], input: &str) {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{words:?}");
    }

    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Something in the person's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// A file with these bytes in the person's folder.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::create_dir_all(&self.home).unwrap();
        let path = self.home.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().into()
    }

    /// Publishes these bytes as they are.
    pub fn publish(&self, bytes: &[u8]) -> Value {
        let file = self.file("plugin.wasm", bytes);
        self.ok(&["publish", &file])
    }

    pub fn key(&self) -> PrivateKey {
        let path = self.home.join("keys").join(format!("{}.pem", self.name));
        PrivateKey::from_pem(&fs::read_to_string(path).unwrap()).unwrap()
    }

    pub fn token(&self) -> String {
        let text = fs::read_to_string(self.home.join("credentials.toml")).unwrap();
        let line = text.lines().find(|line| line.starts_with(&self.name)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    }

    /// An OCI client of somebody else's making, logged in.
    pub async fn oci(&self) -> (Client, RegistryAuth) {
        let client = Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
        (client, RegistryAuth::Basic(self.name.clone(), self.token()))
    }

    pub fn reference(&self, repository: &str, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), repository.into(), tag.into())
    }

    /// Pushes an artifact under a tag, without the command line's care.
    pub async fn push(&self, repository: &str, tag: &str, artifact: &Artifact) -> Result<(), String> {
        let (client, auth) = self.oci().await;
        let reference = self.reference(repository, tag);
        client.auth(&reference, &auth, RegistryOperation::Push).await.map_err(|error| error.to_string())?;
        for blob in [&artifact.config, &artifact.layer] {
            let digest = Digest::of(blob).to_string();
            client.push_blob(&reference, blob.clone(), &digest).await.map_err(|error| error.to_string())?;
        }
        let media_type = MANIFEST_MEDIA_TYPE.parse().unwrap();
        let pushed = client.push_manifest_raw(&reference, artifact.manifest.clone(), media_type).await;
        pushed.map(drop).map_err(|error| error.to_string())
    }

    /// Pushes a plugin, signs it with a key and asks for it to be accepted as this version, whatever it says of itself.
    pub async fn publish_raw(
        &self,
        plugin: &PluginId,
        bytes: &[u8],
        version: &str,
        key: &PrivateKey,
    ) -> Result<Value, Problem> {
        let artifact = Artifact::of_component(&Component::parse(bytes).unwrap(), bytes.to_vec());
        let signed = SignedPayload::sign(key, plugin, artifact.digest());
        self.push(&plugin.repository(), version, &artifact).await.unwrap();
        self.push(&plugin.repository(), &signature_tag(artifact.digest()), &Artifact::of_signature(&signed))
            .await
            .unwrap();
        let url =
            format!("http://{}/api/v1/plugins/{}/{}/releases", self.registry, plugin.namespace, plugin.name);
        let new = NewRelease { version: version.parse().unwrap(), artifact: artifact.digest() };
        let response = plain_client().post(url).bearer_auth(self.token()).json(&new).send().await.unwrap();
        match response.status().is_success() {
            true => Ok(response.json().await.unwrap()),
            false => Err(response.json().await.unwrap()),
        }
    }
}
