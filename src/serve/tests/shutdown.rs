//! Shutdown: the last responses, and the deadline.

use super::*;

#[test]
fn shutdown_finishes_last_response() {
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let released = std::sync::Mutex::new(released);
    let patient = ServeOptions { header_timeout: TEST_TIMEOUT, stop_timeout: TEST_TIMEOUT, ..options() };
    let mut server = Server::with_disk(patient, move |request, token| {
        entered.send(()).unwrap();
        released.lock().unwrap().recv_timeout(TEST_TIMEOUT).unwrap();
        disk(request, token)
    });
    let mut idle = server.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    read_response(&mut idle, true);
    let mut silent = server.connect();
    let mut busy = server.connect();
    busy.write_all(b"GET /media/quay.jpg HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    has_entered.recv_timeout(TEST_TIMEOUT).unwrap();

    server.stop();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "idle connections are closed");
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "so are those that said nothing yet");
    assert!(TcpStream::connect(server.address).is_err(), "the address is free before the last response is out");
    assert!(server.ended.try_recv().is_err());

    release.send(()).unwrap();
    let (head, body) = read_response(&mut busy, true);
    assert_eq!((head.get(..12), body.len()), (Some("HTTP/1.1 200"), 240_000));
    assert_eq!(field(&head, "connection"), Some("close"));
    assert_eq!(busy.read(&mut [0]).unwrap(), 0);
    busy.shutdown(Shutdown::Both).unwrap();
    drop((idle, silent, busy));
    server.ended.recv_timeout(TEST_TIMEOUT).unwrap();
}

#[test]
fn shutdown_has_deadline() {
    let mut server = Server::start(ServeOptions { stop_timeout: Duration::from_millis(100), ..options() });
    let mut stalled = server.connect();
    stalled.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stalled.read_exact(&mut [0; 9]).unwrap();
    server.stop();
    server.ended.recv_timeout(TEST_TIMEOUT).unwrap();
}
