//! The registry of a world: one process, or several behind a load balancer that takes turns.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::process::{Server, free_address};
use crate::stores::Stores;

/// The replicas and what is in front of them.
pub struct Replicas {
    servers: Vec<Server>,
    /// Where clients go.
    pub address: String,
    hold_days: u32,
    /// What they are told beside where their data is.
    pub arguments: Vec<String>,
    behind: Arc<Mutex<Vec<String>>>,
}

impl Replicas {
    /// Starts them behind one address; what is earned is held for so many days before it is paid out.
    pub fn start(stores: &Stores, hold_days: u32) -> Self {
        let mut replicas = Self {
            servers: Vec::new(),
            address: String::new(),
            hold_days,
            arguments: Vec::new(),
            behind: Arc::default(),
        };
        replicas.start_servers(stores, &[]);
        replicas.address = match stores.replicas() {
            1 => replicas.servers[0].address.clone(),
            _ => take_turns(Arc::clone(&replicas.behind)),
        };
        replicas
    }

    /// The replicas have disks of their own, and the log's key in common.
    fn start_servers(&mut self, stores: &Stores, addresses: &[String]) {
        let days = self.hold_days.to_string();
        for index in 0..stores.replicas() {
            let data = match index {
                0 => stores.data.clone(),
                _ => stores.data.with_extension(index.to_string()),
            };
            if index > 0 {
                fs::create_dir_all(&data).unwrap();
                fs::copy(stores.data.join("log.key"), data.join("log.key")).unwrap();
            }
            let listen = &addresses.get(index).cloned().unwrap_or_else(free_address);
            let mut words: Vec<String> = [
                "registry",
                "serve",
                "--listen",
                listen,
                "--hold-days",
                &days,
                "--approval-hours",
                "0",
                "--data",
            ]
            .map(str::to_owned)
            .into();
            words.push(data.to_str().unwrap().into());
            words.extend(stores.arguments());
            words.extend(self.arguments.iter().cloned());
            self.servers.push(Server::start(stores.data.parent().unwrap(), &words, "registry at"));
        }
        *self.behind.lock().unwrap() = self.servers.iter().map(|server| server.address.clone()).collect();
    }

    /// SIGKILL to all of them.
    pub fn kill(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
    }

    /// SIGTERM to all of them.
    pub fn terminate(&self) {
        self.servers.iter().for_each(Server::terminate);
    }

    /// Until they have ended by themselves.
    pub fn wait(&mut self) {
        self.servers.iter_mut().for_each(Server::wait);
    }

    /// Where any of them has panicked, in their own words.
    pub fn panics(&self) -> Vec<String> {
        self.servers.iter().flat_map(Server::panics).collect()
    }

    /// The most memory that any of them ever had, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.servers.iter().map(Server::peak_kib).max().unwrap()
    }

    /// Starts one registry with data of its own in the place of these.
    pub fn serve_instead(&mut self, home: &Path, data: &str) {
        let address = self.servers[0].address.clone();
        self.servers.clear();
        let words = ["registry", "serve", "--listen", &address, "--data", data];
        self.servers.push(Server::start(home, &words, "registry at"));
        *self.behind.lock().unwrap() = vec![address];
    }

    /// Kills what runs, and starts it again at the same addresses.
    pub fn restart(&mut self, stores: &Stores) {
        self.kill();
        let addresses: Vec<String> = self.servers.drain(..).map(|server| server.address.clone()).collect();
        self.start_servers(stores, &addresses);
    }
}

/// Hands each connection to the next replica.
fn take_turns(behind: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let turn = AtomicUsize::new(0);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let behind = behind.lock().unwrap().clone();
            let next = turn.fetch_add(1, Ordering::Relaxed) % behind.len();
            let Ok(server) = TcpStream::connect(&behind[next]) else { continue };
            pass(client.try_clone().unwrap(), server.try_clone().unwrap());
            pass(server, client);
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}
