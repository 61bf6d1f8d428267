import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * Asks the master at MESOS_URL for its agents, and reads the event stream up to SUBSCRIBED.
 *
 * <p>Runs with {@code java Client.java}; needs Java 17 or newer, and nothing else.
 */
class Client {
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  public static void main(String[] arguments) throws Exception {
    try (InputStream answer = call("GET_AGENTS")) {
      System.out.println("answer: " + typeOf(answer.readAllBytes()));
    }
    try (DataInputStream stream = new DataInputStream(call("SUBSCRIBE"))) {
      String type;
      do {
        type = typeOf(readRecord(stream));
        System.out.println("event: " + type);
      } while (!type.equals("SUBSCRIBED"));
    }
    System.exit(0); // The stream would go on.
  }

  private static InputStream call(String type) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(System.getenv("MESOS_URL") + "/api/v1"))
            .header("Content-Type", "application/json")
            .header("Accept", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\"type\": \"" + type + "\"}"))
            .build();
    var response = HTTP.send(request, BodyHandlers.ofInputStream());
    if (response.statusCode() != 200) {
      String text = new String(response.body().readAllBytes(), StandardCharsets.UTF_8);
      throw new IOException(type + ": " + response.statusCode() + " " + text);
    }
    return response.body();
  }

  /** RecordIO: the length of a record in decimal, a line end, and the record. */
  private static byte[] readRecord(DataInputStream stream) throws IOException {
    int length = 0;
    for (int digit; (digit = stream.readUnsignedByte()) != '\n'; ) {
      length = length * 10 + digit - '0';
    }
    byte[] record = new byte[length];
    stream.readFully(record);
    return record;
  }

  private static String typeOf(byte[] json) {
    var type = Pattern.compile("\"type\": *\"(\\w+)\"");
    var found = type.matcher(new String(json, StandardCharsets.UTF_8));
    return found.find() ? found.group(1) : "unknown";
  }
}
