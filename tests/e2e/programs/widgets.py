"""A window with menus, text, a table and a form (Qt 5), used a little, then closed."""

import os
import sys
import tempfile

os.environ["XDG_RUNTIME_DIR"] = tempfile.gettempdir()

from PyQt5.QtCore import Qt, QTimer  # noqa: E402
from PyQt5.QtGui import QStandardItem, QStandardItemModel  # noqa: E402
from PyQt5.QtWidgets import (  # noqa: E402
    QApplication,
    QCalendarWidget,
    QComboBox,
    QCompleter,
    QFormLayout,
    QLineEdit,
    QMainWindow,
    QMessageBox,
    QTableView,
    QTabWidget,
    QTextEdit,
    QWidget,
)

app = QApplication(sys.argv)
window = QMainWindow()
menu = window.menuBar().addMenu("File")
menu.addAction("Open")
menu.addAction("Quit", app.quit)
tabs = QTabWidget()
window.setCentralWidget(tabs)

text = QTextEdit()
text.setHtml("<h1>Title</h1><ul><li>one<li>two</ul><table border=1><tr><td>a<td>b</table>")
tabs.addTab(text, "text")

model = QStandardItemModel(40, 5)
for row in range(40):
    for column in range(5):
        model.setItem(row, column, QStandardItem(f"{row * column % 7} {row}"))
table = QTableView()
table.setModel(model)
tabs.addTab(table, "table")

page = QWidget()
form = QFormLayout(page)
combo, line = QComboBox(), QLineEdit()
combo.addItems(["one", "two"])
line.setCompleter(QCompleter(["alpha", "beta"]))
for name, field in [("combo", combo), ("date", QCalendarWidget()), ("line", line)]:
    form.addRow(name, field)
tabs.addTab(page, "form")
window.resize(500, 400)
window.show()

steps = [
    lambda: print(tabs.currentWidget() is text),
    lambda: tabs.setCurrentIndex(1),
    lambda: table.sortByColumn(1, Qt.DescendingOrder),
    lambda: model.removeRows(0, 20),
    lambda: print(model.index(0, 1).data()),
    lambda: tabs.setCurrentIndex(2),
    lambda: line.setText("alp"),
    lambda: print(line.completer().completionModel().rowCount()),
    combo.showPopup,
    combo.hidePopup,
    lambda: print(window.grab().width()),
    lambda: QMessageBox(window).deleteLater(),
    lambda: tabs.removeTab(1),
    app.quit,
]


def step():
    steps.pop(0)()
    if steps:
        QTimer.singleShot(20, step)


QTimer.singleShot(50, step)
sys.exit(app.exec_())
