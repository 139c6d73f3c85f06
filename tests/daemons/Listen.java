import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.Socket;

/** Listens as a Java server does that was told a port and nothing else, and greets each caller. */
public final class Listen {
	private static void greet(ServerSocket server) {
		try {
			while (true) {
				try (Socket caller = server.accept()) {
					caller.getOutputStream().write(("java " + server.getLocalPort() + "\n").getBytes());
				} catch (java.net.SocketException gone) {
					continue;
				}
			}
		} catch (IOException e) {
			throw new UncheckedIOException(e);
		}
	}

	public static void main(String[] ports) throws IOException {
		for (String port : ports) {
			ServerSocket server = new ServerSocket(Integer.parseInt(port));
			new Thread(() -> greet(server)).start();
		}
	}
}
