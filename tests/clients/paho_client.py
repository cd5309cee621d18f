"""Publishes one message with paho-mqtt and prints it as it comes back: PORT VERSION QOS TOPIC PAYLOAD."""
import json
import sys
import threading

import paho.mqtt.client as mqtt

port, version, qos, topic, payload = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311)
subscribed, received, got = threading.Event(), threading.Event(), {}


def on_connect(client, userdata, flags, reason, properties):
    client.subscribe(topic, qos)


def on_subscribe(client, userdata, mid, reasons, properties):
    subscribed.set()


def on_message(client, userdata, message):
    got.update(payload=message.payload.decode(), qos=message.qos)
    received.set()


client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect("127.0.0.1", port)
client.loop_start()
if not subscribed.wait(20):
    sys.exit("not subscribed")
client.publish(topic, payload, qos).wait_for_publish(20)
if not received.wait(20):
    sys.exit("nothing came back")
client.disconnect()
client.loop_stop()
print(json.dumps(got))
