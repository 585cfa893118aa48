//! A network that a test can spoil: every connection to a server goes through here.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test without its network has nothing to say"
)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bicuspid_model::{Endpoint, Host};

/// Bytes that are passed on at once.
const PIECE_BYTES: usize = 4096;

/// A port of this machine behind which a server stands, and a network between the two that fails as it is told.
#[derive(Debug)]
pub struct Proxy {
    endpoint: Endpoint,
    network: Arc<Network>,
}

#[derive(Debug)]
struct Network {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Connections that were taken so far.
    taken: usize,
    /// Bytes that passed so far, both ways.
    passed: u64,
    /// Connections before this one are stalled.
    stalled: usize,
    /// Bytes, both ways and over all connections, after which the one is cut that carried the last of them.
    cut_at: Option<u64>,
    /// The same, after which all are stalled.
    stall_at: Option<u64>,
    /// Bytes that pass in a second, in each direction.
    rate: Option<u64>,
    /// When what was taken so far has passed, to the server and back.
    free: [Option<Instant>; 2],
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy)]
enum Way {
    There,
    Back,
}

impl State {
    /// When so many bytes will have passed that begin now, or when the way is free.
    fn passes_at(&mut self, way: Way, bytes: usize) -> Option<Instant> {
        let rate = self.rate?.max(1);
        let micros = u64::try_from(bytes).expect("a small number") * 1_000_000 / rate;
        let [there, back] = &mut self.free;
        let free = match way {
            Way::There => there,
            Way::Back => back,
        };
        let now = Instant::now();
        let passed = free.map_or(now, |at| at.max(now)) + Duration::from_micros(micros);
        *free = Some(passed);
        Some(passed)
    }
}

impl Proxy {
    /// Begins to pass on what is sent to a new port of this machine and to the server and back.
    #[must_use]
    pub fn before(endpoint: &Endpoint) -> Self {
        let Host::Tcp { port, .. } = endpoint.host else { panic!("a server on a port") };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let here = listener.local_addr().expect("a bound port").port();
        let network = Arc::new(Network {
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let of_threads = Arc::clone(&network);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                of_threads.take(near);
            }
        });
        let host = Host::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port: here };
        Self { endpoint: Endpoint { host, ..endpoint.clone() }, network }
    }

    /// The server as it is reached through here.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Connections that were taken so far.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.network.lock().taken
    }

    /// Bytes that passed so far, both ways.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.network.lock().passed
    }

    /// After so many more bytes the connection that carried the last of them is closed on both sides.
    pub fn cut_after(&self, bytes: u64) {
        self.network.change(|state| state.cut_at = Some(state.passed + bytes));
    }

    /// After so many more bytes nothing arrives any more, on no connection. Nothing is closed.
    pub fn stall_after(&self, bytes: u64) {
        self.network.change(|state| state.stall_at = Some(state.passed + bytes));
    }

    /// From now on nothing arrives any more on the connections that stand and on those to come: they are taken, and
    /// stay silent.
    pub fn stall(&self) {
        self.network.change(|state| state.stalled = usize::MAX);
    }

    /// The same for those that stand; new ones are not spoilt.
    pub fn stall_standing(&self) {
        self.network.change(|state| state.stalled = state.taken);
    }

    /// Whether the network is stalled.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.network.lock().stalled > 0
    }

    /// From now on no more than so many bytes pass in a second, in each direction, over all connections together.
    pub fn limit(&self, bytes_per_second: u64) {
        self.network.change(|state| state.rate = Some(bytes_per_second));
    }

    /// From now on everything passes, also what was held up. A limit stays.
    pub fn heal(&self) {
        self.network.change(|state| {
            (state.stalled, state.cut_at, state.stall_at) = (0, None, None);
        });
    }
}

impl Network {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked in here")
    }

    fn change(&self, what: impl FnOnce(&mut State)) {
        what(&mut self.lock());
        self.changed.notify_all();
    }

    fn take(self: &Arc<Self>, near: TcpStream) {
        let number = {
            let mut state = self.lock();
            state.taken += 1;
            state.taken - 1
        };
        let network = Arc::clone(self);
        std::thread::spawn(move || {
            network.pass(number);
            // A server that is not there closes the connection, as it would refuse it.
            let Ok(far) = TcpStream::connect(network.server) else { return };
            let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
            // What comes is passed on at once.
            let (Ok(()), Ok(())) = (near.set_nodelay(true), far.set_nodelay(true)) else { return };
            let there = Arc::clone(&network);
            std::thread::spawn(move || there.carry(number, Way::There, near_too, far_too));
            network.carry(number, Way::Back, far, near);
        });
    }

    /// Waits until the connection is not stalled.
    fn pass(&self, number: usize) {
        let state = self.lock();
        drop(self.changed.wait_while(state, |state| number < state.stalled));
    }

    fn carry(&self, number: usize, way: Way, mut from: TcpStream, mut into: TcpStream) {
        let mut piece = [0; PIECE_BYTES];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            let (is_cut, passes_at) = {
                let mut state = self.lock();
                let passes_at = state.passes_at(way, read);
                state.passed += u64::try_from(read).expect("a small number");
                if state.stall_at.is_some_and(|at| state.passed >= at) {
                    (state.stalled, state.stall_at) = (usize::MAX, None);
                }
                let is_cut = state.cut_at.is_some_and(|at| state.passed >= at);
                if is_cut {
                    state.cut_at = None;
                }
                (is_cut, passes_at)
            };
            if let Some(at) = passes_at {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
            }
            self.pass(number);
            if is_cut || piece.get(..read).is_none_or(|bytes| into.write_all(bytes).is_err()) {
                let _ = from.shutdown(Shutdown::Both);
                let _ = into.shutdown(Shutdown::Both);
                return;
            }
        }
        let _ = into.shutdown(Shutdown::Write);
    }
}
